-- SPDX-License-Identifier: MIT
-- wrk's script: the requests are made in advance, so that its part in a run is as small as may be.
--   wrk ... -s load.lua URL -- ADDRESSES [TOKEN]
-- ADDRESSES: how many clients it passes for, one after the other, by the header that the bench's nginx believes.
local requests, at = {}, 0

function init(arguments)
   if arguments[2] then wrk.headers["Authorization"] = "Bearer " .. arguments[2] end
   for i = 1, tonumber(arguments[1]) do
      wrk.headers["X-Bench-Address"] = string.format("10.0.%d.%d", math.floor(i / 256), i % 256)
      requests[i] = wrk.format()
   end
end

function request()
   at = at % #requests + 1
   return requests[at]
end

function done(summary, latency)
   local errors = summary.errors
   io.write(string.format('{"requests": %d, "seconds": %f, "not_2xx": %d, "broken": %d, "median_us": %d, "p99_us": %d}\n',
      summary.requests, summary.duration / 1e6, errors.status,
      errors.connect + errors.read + errors.write + errors.timeout, latency:percentile(50), latency:percentile(99)))
end
