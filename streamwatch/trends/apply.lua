-- Apply one batch to one partition, all of it or nothing.
-- KEYS[1] the partition's state; every other key has the same prefix and so the same slot.
-- ARGV[1] the prefix; ARGV[2] the batch, msgpack:
--   {expected_applied, expected_epoch, applied, epoch, sources, totals, windows, texts, entries, ids, forget}
-- Returns "ok", or "stale" when somebody else moved the state: then nothing was written.
local prefix = ARGV[1]
local batch = cmsgpack.unpack(ARGV[2])
local state = KEYS[1]
local call = redis.call

local held = call('HMGET', state, 'applied', 'epoch')
if (held[1] or '0') ~= tostring(batch.expected_applied) or (held[2] or '') ~= batch.expected_epoch then
  return 'stale'
end
call('HSET', state, 'applied', tostring(batch.applied), 'epoch', batch.epoch)
for channel, blob in pairs(batch.sources) do call('HSET', state, 's:' .. channel, blob) end
for name, n in pairs(batch.totals) do call('HINCRBY', state, 't:' .. name, n) end
for _, w in ipairs(batch.windows) do            -- {hour, series, index, n, negative, positive}
  local key = prefix .. 'w:' .. w[1] .. ':' .. w[2]
  if call('HINCRBY', key, w[3] .. ':n', w[4]) == w[4] then
    call('ZADD', prefix .. 'hours', w[1], w[1] .. ':' .. w[2])
  end
  if w[5] > 0 then call('HINCRBY', key, w[3] .. ':-', w[5]) end
  if w[6] > 0 then call('HINCRBY', key, w[3] .. ':+', w[6]) end
end
for _, t in ipairs(batch.texts) do              -- {"bucket_ms:series", hash…}
  call('PFADD', prefix .. 'd:' .. t[1], unpack(t, 2))
end
for _, e in ipairs(batch.entries) do            -- {bucket_ms, blob…}
  call('RPUSH', prefix .. 'e:' .. e[1], unpack(e, 2))
  call('ZADD', prefix .. 'open', e[1], e[1])
end
for _, i in ipairs(batch.ids) do                -- {"channel:generation", hash…}
  call('SADD', prefix .. 'i:' .. i[1], unpack(i, 2))
end
for _, name in ipairs(batch.forget) do call('DEL', prefix .. name) end
return 'ok'
