-- What wrk saw, as one line of JSON.

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    'measured: {"requests":%d,"microseconds":%d,"p50":%.1f,"p99":%.1f,"above_399":%d,"unexpected":%d,'
      .. '"connect":%d,"read":%d,"write":%d,"timeout":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
    unexpected and unexpected() or 0, errors.connect, errors.read, errors.write, errors.timeout))
end
