-- As summary.lua, and counts the answers that have another status than the one given after "--".

dofile((debug.getinfo(1, "S").source:match("^@(.*/)") or "./") .. "summary.lua")

-- Each thread has its own globals; done() runs in none of them.
local all = {}

function setup(thread)
  all[#all + 1] = thread
end

function init(args)
  expected = tonumber(args[1])
  others = 0
end

function response(status, _, _)
  if status ~= expected then
    others = others + 1
  end
end

function unexpected()
  local sum = 0
  for _, thread in ipairs(all) do
    sum = sum + thread:get("others")
  end
  return sum
end
