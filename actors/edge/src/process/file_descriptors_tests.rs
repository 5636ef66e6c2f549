use super::*;

fn limit(value: usize) -> Limit {
    Limit { value, chosen: false }
}

fn request(connections: usize, per_connection: usize, calls: usize) -> CapacityRequest {
    let (connections, calls) = (limit(connections), limit(calls));
    CapacityRequest { connections, per_connection, calls, streams: limit(0), other: 32 }
}

impl CapacityRequest {
    fn with_streams(self, streams: usize) -> Self {
        Self { streams: limit(streams), ..self }
    }
}

/// Number of descriptors in use when every maximum is reached.
fn used(request: CapacityRequest, capacity: Capacity, workers: usize) -> usize {
    let Capacity { connections, screened, calls, streams, idle } = capacity;
    (connections + 2 * screened) * request.per_connection
        + calls
        + streams
        + idle
        + request.other
        + PER_WORKER * workers
}

#[test]
fn a_high_descriptor_limit_grants_every_request() {
    let capacity = request(10_000, 1, 10_000).divide(1_048_576, 2);
    let (connections, calls, idle) = (10_000, 10_000, 20_000);
    let expected = Capacity { connections, screened: 512, calls, streams: 0, idle };
    assert_eq!(capacity, expected);
    let streams = request(10_000, 1, 10_000).with_streams(1_000).divide(1_048_576, 2);
    assert_eq!(streams, Capacity { streams: 1_000, ..expected });
    let all = request(usize::MAX / 8, 1, usize::MAX / 8).divide(usize::MAX, 2);
    assert_eq!(all.connections, usize::MAX / 8);
}

#[test]
fn sixty_four_descriptors_remain_at_full_use() {
    for (files, workers) in [
        (300, 2),
        (1_024, 2),
        (1_024, 128),
        (4_096, 16),
        (20_000, 2),
        (65_536, 2),
        (1_048_576, 1_024),
    ] {
        for (connections, per_connection, calls) in
            [(10_000, 1, 10_000), (10_000, 2, 0), (50, 1, 10_000), (10_000, 1, 20)]
        {
            let request = request(connections, per_connection, calls).with_streams(calls / 10);
            let capacity = request.divide(files, workers);
            let used = used(request, capacity, workers);
            assert!(used + SPARE <= files, "{files} files: {used} used, {capacity:?}");
            assert!(capacity.connections > 0 && (calls == 0 || capacity.calls > 0), "{capacity:?}");
            assert!(files < 1_024 || calls == 0 || capacity.streams > 0, "{capacity:?}");
        }
    }
}

#[test]
fn descriptors_that_one_side_does_not_need_go_to_the_other() {
    let few_calls = request(10_000, 1, 20).divide(1_024, 2);
    assert_eq!((few_calls.calls, few_calls.idle), (20, 40));
    let few_connections = request(50, 1, 10_000).divide(1_024, 2);
    assert_eq!(few_connections.connections, 50);
    assert!(few_connections.calls > 400, "{few_connections:?}");
}

#[test]
fn the_lowest_descriptor_limit_still_grants_one_of_each() {
    let capacity = request(10_000, 2, 10_000).divide(10, 2);
    assert_eq!(capacity, Capacity { connections: 1, screened: 1, calls: 1, streams: 0, idle: 0 });
}
