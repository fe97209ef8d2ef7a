-- How many documents some days of one series hold in one partition, unread ones too. Writes nothing.
-- KEYS[1] the partition's state; the days' keys have the same prefix and so the same slot.
-- ARGV[1] what a day's key begins with, ARGV[2] what it ends with, ARGV[3…] the days.
-- Returns the store's epoch and the number of each day.
local found = {redis.call('HGET', KEYS[1], 'epoch') or ''}
for i = 3, #ARGV do
  local cell = redis.call('HGET', ARGV[1] .. ARGV[i] .. ARGV[2], '0')
  local n = 0
  if cell then
    cell = cmsgpack.unpack(cell)
    n = cell[1] + (cell[7] or 0)              -- the seventh is left out where it is 0
  end
  found[i - 1] = n
end
return found
