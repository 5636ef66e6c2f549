# shellcheck shell=bats disable=SC2016,SC2154  # variables of the stages and of helper.bash
# check.sh with stages that do nothing.

load helper

setup_file() {
  make_stage
}

# stub_stages CODE: each stage prints its name and its priority; CODE replaces some of them.
stub_stages() {
  : >scripts/checks/stages/code.sh
  cat >scripts/checks/stages/lab.sh <<END
for name in \$(sed -n 's/^\([a-z0-9]*\) .*/\1/p' <<<"\$stages"); do
  eval "stage_\$name() { echo \"\$name runs with priority \\\$(nice)\"; }"
done
$1
END
}

@test "all stages run; those that depend on time have the normal priority, the others a low one" {
  local name
  stub_stages ''
  play check.sh
  expect_status 0
  for name in $(scripts/check.sh --list | cut -d ' ' -f 1); do
    expect "$name runs with priority"
    expect_line "$name +PASS +[0-9]+ +[0-9]+"
  done
  expect "e2e runs with priority $(nice)"
  expect 'services runs with priority 5'
  expect 'clippy runs with priority 19'
}

@test "a failed stage does not stop the others, and the status is 1" {
  stub_stages 'stage_loom() { false; echo "loom goes on"; }'
  play check.sh
  expect_status 1
  expect_line 'loom +FAIL +[0-9]+ +[0-9]+'
  expect_not 'loom goes on'
  expect 'soak runs'
  expect_line 'error: 1 of [0-9]+ stages failed'
}

@test "a skipped stage prints the reason, and is a failure with CI=true" {
  stub_stages 'stage_chaos() { skip "there is no chaos"; }'
  play CI=false check.sh chaos fmt
  expect_status 0
  expect_line 'chaos +SKIP +[0-9]+ +[0-9]+  \(there is no chaos\)'
  play CI=true check.sh chaos fmt
  expect_status 1
  expect_line 'chaos +FAIL +[0-9]+ +[0-9]+  \(skipped, with CI=true: there is no chaos\)'
  expect_line 'fmt +PASS +[0-9]+ +[0-9]+'
}

@test "chosen stages run in the given order, with the normal priority" {
  stub_stages ''
  play check.sh loom fmt
  expect_status 0
  [ "$(grep runs "$shown")" = "loom runs with priority $(nice)"$'\n'"fmt runs with priority $(nice)" ] || fail "expected loom, then fmt"
}

@test "Ctrl-C ends the stages" {
  stub_stages 'stage_e2e() { echo "$BASHPID" >e2e.pid; exec sleep 100; }'
  start_play check.sh
  await "e2e runs" 15 test -s e2e.pid
  interrupt_play
  expect_status 130
  await "e2e ends" 5 has_ended "$(<e2e.pid)"
}

@test "an unknown stage is a one-line error" {
  play check.sh nope
  expect_refusal 'unknown stage "nope"; stages: fmt '
  play check.sh --nope
  expect_refusal 'unknown argument "--nope"'
}
