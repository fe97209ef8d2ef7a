-- Apply one batch to one partition, all of it or nothing.
-- KEYS[1] the partition's state; every other key has the same prefix and so the same slot.
-- ARGV[1] the prefix; ARGV[2] the batch, msgpack:
--   {expected_applied, expected_epoch, applied, epoch, sources, totals, series, days, cells, sketches,
--    hashes, registers, entries, ids, forget, heard}
-- Returns how many documents times series had no place, or -1 when somebody else moved the state: then nothing was written.
local K = 64                                    -- hashes of a sketch, as in sketch.py
local prefix = ARGV[1]
local batch = cmsgpack.unpack(ARGV[2])
local state = KEYS[1]
local call, unpack, packed, unpacked = redis.call, unpack, cmsgpack.pack, cmsgpack.unpack

local held = call('HMGET', state, 'applied', 'epoch')
if (held[1] or '0') ~= tostring(batch.expected_applied) or (held[2] or '') ~= batch.expected_epoch then
  return -1
end

local function sum(a, b)                        -- of two packed cells; the last number is left out where it is 0
  a, b = unpacked(a), unpacked(b)
  if #a < #b then a, b = b, a end
  for i = 1, #b do a[i] = a[i] + b[i] end
  return packed(a)
end

local function added(a, b)                      -- of whole numbers in lists of lists; the shorter list ends with zeros
  for i = 1, #b do
    local x, y = a[i], b[i]
    if x == nil then a[i] = y
    elseif type(y) == 'table' then a[i] = added(x, y)
    else a[i] = x + y end
  end
  return a
end

local function lowest(a, b)                     -- the K smallest of two sorted lists without repetition
  if #b == 0 or (#a == K and b[1] > a[K]) then return a end
  if #a == 0 then return b end
  local out, n, i, j = {}, 0, 1, 1
  while n < K do
    local x, y = a[i], b[j]
    if not x and not y then break end
    n = n + 1
    if not y or (x and x <= y) then
      if x == y then j = j + 1 end
      out[n], i = x, i + 1
    else
      out[n], j = y, j + 1
    end
  end
  return out
end

local function union(a, b)                      -- of two pairs of packed sketches: texts, authors
  local a_texts, a_authors = unpacked(a)
  local b_texts, b_authors = unpacked(b)
  return packed(lowest(a_texts, b_texts), lowest(a_authors, b_authors))
end

local function merge(key, row, first, with)     -- row[first…] is {field, gain, field, gain, …}; gains become sums
  if #row == first + 1 then                     -- mostly the first document there
    local field, gain = row[first], row[first + 1]
    if call('HSETNX', key, field, gain) == 0 then
      call('HSET', key, field, with(call('HGET', key, field), gain))
    end
    return
  end
  local fields, n = {}, 0
  for i = first, #row, 2 do
    n = n + 1
    fields[n] = row[i]
  end
  local values = call('HMGET', key, unpack(fields))
  for i = 1, n do
    if values[i] then
      local place = first - 1 + 2 * i
      row[place] = with(values[i], row[place])
    end
  end
  call('HSET', key, unpack(row, first))
end

call('HSET', state, 'applied', tostring(batch.applied), 'epoch', batch.epoch)
for channel, blob in pairs(batch.sources) do call('HSET', state, 's:' .. channel, blob) end
for name, n in pairs(batch.totals) do call('HINCRBY', state, 't:' .. name, n) end

local names, refused, n_series = {}, 0, {}      -- names[i] is false where series i has no place in its day
for i, s in ipairs(batch.series) do             -- {day, series, n, places}, by first appearance in the log
  local key = prefix .. 's:' .. s[1]
  local n = n_series[s[1]] or call('SCARD', key)
  names[i] = s[2]
  if n < s[4] then
    n = n + call('SADD', key, s[2])
  elseif call('SISMEMBER', key, s[2]) == 0 then
    names[i], refused = false, refused + s[3]
  end
  n_series[s[1]] = n
end
if refused > 0 then call('HINCRBY', state, 't:series_refused', refused) end
for _, d in ipairs(batch.days) do call('ZADD', prefix .. 'days:' .. d[1], d[2], d[2]) end
for _, w in ipairs(batch.cells) do              -- {level, series, block, index, cell, …}
  local name = names[w[2]]
  if name then merge(prefix .. 'w:' .. w[1] .. ':' .. w[3] .. ':' .. name, w, 4, sum) end
end
for _, k in ipairs(batch.sketches) do           -- {series, block, index, texts and authors, …}
  local name = names[k[1]]
  if name then merge(prefix .. 'k:' .. k[2] .. ':' .. name, k, 3, union) end
end
local hashes = batch.hashes
for _, r in ipairs(batch.registers) do          -- {kind, level, series, bucket_ms, number of a hash, …}
  local name = names[r[3]]
  if name then
    local some = {}
    for i = 5, #r do some[i - 4] = hashes[r[i]] end
    call('PFADD', prefix .. r[1] .. ':' .. r[2] .. ':' .. string.format('%.0f', r[4]) .. ':' .. name, unpack(some))
  end
end

for _, e in ipairs(batch.entries) do            -- {bucket_ms, blob…}
  call('RPUSH', prefix .. 'e:' .. e[1], unpack(e, 2))
  call('ZADD', prefix .. 'open', e[1], e[1])
end
for _, d in ipairs(batch.heard) do              -- {bucket_ms, most fields, {field, fallback, gain}, …}
  local key = prefix .. 'd:' .. d[1]
  local n = call('HLEN', key)
  for i = 3, #d do
    local field, gain = d[i][1], d[i][3]
    local before = call('HGET', key, field)
    if not before and n >= d[2] then
      field = d[i][2]
      before = call('HGET', key, field)
    end
    if before then gain = packed(added(unpacked(before), unpacked(gain))) else n = n + 1 end
    call('HSET', key, field, gain)
  end
  call('ZADD', prefix .. 'heard', d[1], d[1])
end
for _, i in ipairs(batch.ids) do                -- {"channel:generation", hash…}
  call('SADD', prefix .. 'i:' .. i[1], unpack(i, 2))
end
for _, name in ipairs(batch.forget) do call('DEL', prefix .. name) end
return refused
