-- name: lanes
SELECT lane, seq, hash, posted FROM lane ORDER BY lane;

-- name: meta_all
SELECT name, value FROM store_meta ORDER BY name;
