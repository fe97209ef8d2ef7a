-- Commit one step of the evaluator, all of it or nothing: its state, and the alerts it raised, into the outbox; what
-- others keep of the same closed buckets, in the head, and the documents for people, into theirs.
-- KEYS[1] head (hash: closed, epoch, header, missed); the other keys are <ARGV[1]>series, evidence,
-- texts:<hour>, hours, evaluated, outbox, samples.
-- ARGV[2] expected closed; ARGV[3] expected epoch; ARGV[4] closed; ARGV[5] epoch; ARGV[6] header; ARGV[7] JSON
-- {series, dropped, texts, dropped_hours, evaluated, n_alerts, beside, n_samples}; then what the tests of each series
-- remember; then the evidence of each; then the alerts; then what is kept beside; then the samples.
local prefix, call = ARGV[1], redis.call
local held = call('HMGET', KEYS[1], 'closed', 'epoch')
if (held[1] or '-1') ~= ARGV[2] or (held[2] or '') ~= ARGV[3] then return 'stale' end
local step = cjson.decode(ARGV[7])
local at = 7
call('HSET', KEYS[1], 'closed', ARGV[4], 'epoch', ARGV[5], 'header', ARGV[6])
local n = #step.series
for i, name in ipairs(step.series) do
  call('HSET', prefix .. 'series', name, ARGV[at + i])
  call('HSET', prefix .. 'evidence', name, ARGV[at + n + i])
end
at = at + 2 * n
for _, name in ipairs(step.dropped) do
  call('HDEL', prefix .. 'series', name)
  call('HDEL', prefix .. 'evidence', name)
end
for _, hour in ipairs(step.dropped_hours) do
  call('DEL', prefix .. 'texts:' .. hour)
  call('SREM', prefix .. 'hours', hour)
end
for _, t in ipairs(step.texts) do               -- {hour, hash…}
  call('SADD', prefix .. 'texts:' .. t[1], unpack(t, 2))
  call('SADD', prefix .. 'hours', t[1])
end
for _, e in ipairs(step.evaluated) do call('HSET', prefix .. 'evaluated', e[1], e[2]) end
for i = 1, step.n_alerts do call('RPUSH', prefix .. 'outbox', ARGV[at + i]) end
at = at + step.n_alerts
for i, name in ipairs(step.beside) do call('HSET', KEYS[1], name, ARGV[at + i]) end
at = at + #step.beside
for i = 1, step.n_samples do call('RPUSH', prefix .. 'samples', ARGV[at + i]) end
return 'ok'
