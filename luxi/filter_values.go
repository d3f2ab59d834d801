package luxi

import (
	"encoding/json"
	"math/big"
	"regexp"
	"strings"
)

// evalJSON evaluates a comparison with a parameter (evaluateFilterJSON).
func (e filterExpr) evalJSON(v json.RawMessage) outcomes {
	switch e.op {
	case "?":
		var b bool
		if decode(v, &b) != nil {
			return isInvalid
		}
		return outcome(b)
	case "=~":
		var text string
		if decode(v, &text) != nil {
			return isInvalid
		}
		return matchRegexp(e.value.text, text)
	case "=[]":
		return e.value.in(v)
	}
	order, ok := compareJSON(v, e.value)
	if !ok {
		return isEither
	}
	return e.compared(order)
}

// in reports whether the value is an element of a list of its type.
func (v filterValue) in(raw json.RawMessage) outcomes {
	parts, err := elements(nil, raw)
	if err != nil {
		return isInvalid
	}
	found := false
	for _, part := range parts {
		if v.number == nil {
			var text string
			if decode(part, &text) != nil {
				return isInvalid
			}
			found = found || text == v.text
			continue
		}
		n, ok := parseNumber(part)
		if !ok || !n.IsInt() {
			return isInvalid
		}
		found = found || n.Num().Cmp(v.number) == 0
	}
	return outcome(found)
}

// compareJSON compares a JSON value with a text or number in the order of Haskell's
// JSValue: null, booleans, numbers, texts, lists, objects.
func compareJSON(raw json.RawMessage, v filterValue) (int, bool) {
	const number, text = 2, 3
	rank := func(raw json.RawMessage) int {
		switch raw[0] {
		case 'n':
			return 0
		case 't', 'f':
			return 1
		case '"':
			return text
		case '[':
			return 4
		case '{':
			return 5
		}
		return number
	}
	if len(raw) == 0 {
		return 0, false
	}
	have, with := rank(raw), number
	if v.number == nil {
		with = text
	}
	switch {
	case have < with:
		return -1, true
	case have > with:
		return 1, true
	case have == number:
		n, ok := parseNumber(raw)
		if !ok {
			return 0, false
		}
		return n.Cmp(new(big.Rat).SetInt(v.number)), true
	}
	var s string
	if decode(raw, &s) != nil {
		return 0, false
	}
	return strings.Compare(s, v.text), true
}

// plainRegexp matches regular expressions that mean the same to Go and to all the
// libraries that Ganeti may be built with.
var plainRegexp = regexp.MustCompile(`^[A-Za-z0-9_.,:;/@ =+*?^$|()\[\]-]*$`)

// matchRegexp searches text for a regular expression.
func matchRegexp(pattern, text string) outcomes {
	if !plainRegexp.MatchString(pattern) || strings.Contains(pattern, "(?") || strings.Contains(pattern, "[:") ||
		strings.Contains(pattern, "[=") || strings.Contains(pattern, "[.") || strings.Contains(text, "\n") || !isASCII(text) {
		return isEither
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return isEither
	}
	return outcome(re.MatchString(text))
}
