-- latica_json.lua: the JSON scanner of latica.lua, which loads it from the folder that it stands in.
--
-- space(s, i) is the place of the first byte at or behind i that is no white space. value(s, i) reads any value,
-- object(s, i) the members of an object. unescaped(text) reads the escapes of a string.

local function space(s, i) return s:match("^[ \t\n\r]*()", i) end

-- Each of these returns the place behind what stands at s[i]; or nil, and the place of the byte that doesn't fit.
local ESCAPES = '^["\\/bfnrt]'
local function quoted(s, i)
  if s:sub(i, i) ~= '"' then return nil, i end
  i = i + 1
  while true do
    i = s:find('["\\\0-\31]', i)
    if not i then return nil, #s + 1 end
    local c = s:sub(i, i)
    if c == '"' then return i + 1 end
    if c ~= "\\" then return nil, i end
    if s:find(ESCAPES, i + 1) then
      i = i + 2
    elseif s:find("^u%x%x%x%x", i + 1) then
      i = i + 6
    else
      return nil, s:match("^u%x*()", i + 1) or i + 1
    end
  end
end
local function number(s, i)
  i = s:match("^%-?()", i)
  local after = s:match("^0()", i) or s:match("^%d+()", i)
  if not after then return nil, i end
  for _, part in ipairs { "^%.()", "^[eE][+-]?()" } do
    local digits = s:match(part, after)
    if digits then
      after = s:match("^%d+()", digits)
      if not after then return nil, digits end
    end
  end
  return after
end
local WORDS = { t = { "true", "boolean" }, f = { "false", "boolean" }, n = { "null", "null" } }
local function word(s, i)
  local letters = WORDS[s:sub(i, i)][1]
  for n = 1, #letters do if s:byte(i + n - 1) ~= letters:byte(n) then return nil, i + n - 1 end end
  return i + #letters
end

-- value reads any value at s[i]. It returns the kind and the place behind it, or nil and the place of the
-- fault. It calls nothing again for what is inside, however deep that is.
local function value(s, i)
  local kind, closers, state = nil, {}, "value"
  while true do
    i = space(s, i)
    local c, after, at, found = s:sub(i, i), nil, nil, nil
    if (state == "first" or state == "first name" or state == "next") and c == closers[#closers] then
      closers[#closers], after = nil, i + 1
    elseif state == "next" then
      if c ~= "," then return nil, i end
      i, state = i + 1, closers[#closers] == "}" and "name" or "value"
    elseif state == "name" or state == "first name" then
      after, at = quoted(s, i)
      i = after and space(s, after)
      if not i or s:sub(i, i) ~= ":" then return nil, i or at end
      i, after, state = i + 1, nil, "value"
    elseif c == "{" or c == "[" then
      closers[#closers + 1] = c == "{" and "}" or "]"
      i, found, state = i + 1, c == "{" and "object" or "array", c == "{" and "first name" or "first"
    else
      if c == '"' then
        found, after, at = "string", quoted(s, i)
      elseif c:find("^[-%d]") then
        found, after, at = "number", number(s, i)
      elseif WORDS[c] then
        found, after, at = WORDS[c][2], word(s, i)
      else
        at = i
      end
      if not after then return nil, at end
    end
    kind = kind or found
    if after then
      if #closers == 0 then return kind, after end
      i, state = after, "next"
    end
  end
end

-- unescaped is a string's text with its escapes read, as far as ASCII goes: no name or id has more.
local PLAIN = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }
local function unescaped(text)
  return (text:gsub("\\(.)(%x?%x?%x?%x?)", function(c, digits)
    if c ~= "u" then return (PLAIN[c] or c) .. digits end
    local n = tonumber(digits, 16)
    return n < 128 and string.char(n) or "\255"
  end))
end

-- read is the value of a JSON number, and whether it is whole. (tonumber would want the decimal point of the locale.)
local function read(text)
  local sign, int, fraction, exponent = text:match("^(%-?)(%d+)%.?(%d*)[eE]?([+-]?%d*)$")
  local digits = (int .. fraction):gsub("^0+", "")
  if digits == "" then return 0, true end
  local short = digits:gsub("0+$", "")
  exponent = (tonumber(exponent) or 0) - #fraction + #digits - #short
  return (sign == "-" and -1 or 1) * tonumber(short) * 10 ^ exponent, exponent >= 0
end

-- object reads the object at s[i]: its members, in their order; then the place behind it, or nil and the place of
-- the fault. A member that neither comma nor brace follows isn't complete.
local function object(s, i)
  local members = {}
  i = space(s, i + 1)
  if s:sub(i, i) == "}" then return members, i + 1 end
  while true do
    local m = { nameAt = i }
    local after, at = quoted(s, i)
    if not after then return members, nil, at end
    m.name = s:sub(i + 1, after - 2)
    i = space(s, after)
    if s:sub(i, i) ~= ":" then return members, nil, i end
    m.at = space(s, i + 1)
    local kind, behind = value(s, m.at)
    if not kind then return members, nil, behind end
    m.kind, m.raw = kind, s:sub(m.at, behind - 1)
    if kind == "string" then m.text = unescaped(m.raw:sub(2, -2)) end
    if kind == "number" then m.number, m.whole = read(m.raw) end
    members[#members + 1] = m
    i = space(s, behind)
    local c = s:sub(i, i)
    m.complete = c == "," or c == "}"
    if not m.complete then return members, nil, i end
    if c == "}" then return members, i + 1 end
    i = space(s, i + 1)
  end
end

return { space = space, value = value, unescaped = unescaped, object = object }
