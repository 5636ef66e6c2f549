//! A circuit that is forced open or disabled.

use super::*;

#[test]
fn a_mode_stays_and_the_settings_are_those_of_its_end() {
    for mode in [Mode::ForcedOpen, Mode::Disabled] {
        let mut bench = Bench::new(windowed());
        bench.core.set_mode(bench.now, mode);
        let change = reconfigure(&mut bench, |to| {
            (to.fail_max, to.window) = (1, Window::Time(SECOND));
            to.reset_timeout = 7 * SECOND;
        });
        assert_eq!((change.epoch, change.half_open_in), (None, None));
        assert_eq!((bench.core.mode(), bench.core.poll_timeout()), (mode, None));
        if mode == Mode::ForcedOpen {
            let rejection = Rejection::new(RejectionKind::CircuitOpen, 7 * SECOND);
            assert_eq!(bench.core.acquire(bench.now), Err(rejection));
        }
        bench.core.set_mode(bench.now, Mode::Auto);
        fail(&mut bench, 1);
        let opening = bench.transitions().pop().unwrap();
        assert_eq!(opening.half_open_in, Some(7 * SECOND));
    }
}
