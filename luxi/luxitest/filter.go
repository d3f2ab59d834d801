package luxitest

import (
	"encoding/json"
	"math/big"
	"regexp"
	"strings"
)

// filter is a parsed filter of the query language (hs:Query/Language.hs Filter).
type filter struct {
	op    string // one of & | ! ? = < <= > >= =~ =[]; "" for no filter
	args  []*filter
	field string
	text  string   // the value, if it is a string
	num   *big.Int // the value, if it is a number
	re    *regexp.Regexp
}

// parseFilter implements readFilter. Its errors make the whole request unparsable.
func parseFilter(raw json.RawMessage) (*filter, error) {
	if isNull(raw) {
		return &filter{}, nil
	}
	var parts []json.RawMessage
	if err := strictly(raw, &parts); err != nil || len(parts) == 0 {
		return nil, unparsable("Cannot deserialise filter: expected array [string, args], got %s", raw)
	}
	v, err := text(parts[0])
	if err != nil {
		return nil, unparsable("Cannot deserialise filter: expected array [string, args], got %s", raw)
	}
	op, rest := v.(string), parts[1:]
	switch op {
	case "&", "|":
		f := &filter{op: op}
		for _, r := range rest {
			arg, err := parseFilter(r)
			if err != nil {
				return nil, err
			}
			f.args = append(f.args, arg)
		}
		return f, nil
	case "!":
		if len(rest) != 1 {
			return nil, unparsable("Cannot deserialise field, expected [filter]")
		}
		arg, err := parseFilter(rest[0])
		return &filter{op: op, args: []*filter{arg}}, err
	case "?":
		if len(rest) != 1 {
			return nil, unparsable("Cannot deserialise field, expected [fieldname]")
		}
		return parseLeaf(op, rest[0], nil)
	case "=", "==", "<", "<=", ">", ">=", "=~", "=[]", "!=":
		if len(rest) != 2 {
			return nil, unparsable("Cannot deserialise field/value pair, expected [fieldname, value]")
		}
		if op == "!=" {
			f, err := parseLeaf("=", rest[0], rest[1])
			return &filter{op: "!", args: []*filter{f}}, err
		}
		if op == "==" {
			op = "="
		}
		return parseLeaf(op, rest[0], rest[1])
	}
	return nil, unparsable("Unknown filter operand '%s'", op)
}

func parseLeaf(op string, field, value json.RawMessage) (*filter, error) {
	name, err := text(field)
	if err != nil {
		return nil, unparsable("a field name is a string")
	}
	f := &filter{op: op, field: name.(string)}
	if value == nil {
		return f, nil
	}
	if s, err := text(value); err == nil {
		f.text = s.(string)
		if op == "=~" {
			if f.re, err = regexp.Compile(f.text); err != nil {
				return nil, unparsable("%v", err)
			}
		}
		return f, nil
	}
	r, ok := new(big.Rat).SetString(strings.TrimSpace(string(value)))
	if !ok || !r.IsInt() || op == "=~" {
		return nil, unparsable("Cannot deserialise filter value, expecting string or integer, got %s", value)
	}
	f.num = r.Num()
	return f, nil
}

// show renders the filter as hs:Query/Language.hs showFilter does.
func (f *filter) show() any {
	switch f.op {
	case "":
		return nil
	case "?":
		return []any{f.op, f.field}
	case "&", "|", "!":
		list := []any{f.op}
		for _, a := range f.args {
			list = append(list, a.show())
		}
		return list
	}
	op := f.op
	if op == "=" {
		op = "=="
	}
	if f.num != nil {
		return []any{op, f.field, json.Number(f.num.String())}
	}
	return []any{op, f.field, f.text}
}

// fields lists the fields the filter talks about.
func (f *filter) fields() []string {
	if f.field != "" || f.op != "" && f.args == nil && f.op != "&" && f.op != "|" {
		return []string{f.field}
	}
	var names []string
	for _, a := range f.args {
		names = append(names, a.fields()...)
	}
	return names
}

// requestedNames returns the values that a filter made only of | and = on the name field asks for; ok is false for any
// other filter. No names mean all objects.
func (f *filter) requestedNames(nameField string) (values []*filter, ok bool) {
	switch f.op {
	case "":
		return nil, true
	case "|":
		for _, a := range f.args {
			v, ok := a.requestedNames(nameField)
			if !ok {
				return nil, false
			}
			values = append(values, v...)
		}
		return values, true
	case "=":
		if f.field == nameField {
			return []*filter{f}, true
		}
	}
	return nil, false
}

// evaluate evaluates the filter from left to right, as far as needed (hs:Query/Filter.hs evaluateFilterM).
func (f *filter) evaluate(leaf func(*filter) (bool, error)) (bool, error) {
	switch f.op {
	case "":
		return true, nil
	case "&", "|":
		for _, a := range f.args {
			ok, err := a.evaluate(leaf)
			if err != nil || ok == (f.op == "|") {
				return ok, err
			}
		}
		return f.op == "&", nil
	case "!":
		ok, err := f.args[0].evaluate(leaf)
		return !ok, err
	}
	return leaf(f)
}

func (f *filter) compare(value any, hostname bool) (bool, error) {
	switch f.op {
	case "?":
		b, ok := value.(bool)
		if !ok {
			return false, fail("ParameterError", "Unexpected value '"+shown(value)+"' in boolean context")
		}
		return b, nil
	case "=~":
		s, ok := value.(string)
		if !ok {
			return false, fail("ParameterError",
				"Invalid field value used in regexp matching, expecting string but got '"+shown(value)+"'")
		}
		return f.re.MatchString(s), nil
	case "=[]":
		return f.contained(value)
	}
	if s, ok := value.(string); ok && f.num == nil {
		if f.op == "=" && hostname {
			_, ok := matchName(f.text, []string{s})
			return ok, nil
		}
		return ordered(f.op, strings.Compare(s, f.text)), nil
	}
	if r, ok := rational(value); ok && f.num != nil {
		return ordered(f.op, r.Cmp(new(big.Rat).SetInt(f.num))), nil
	}
	return false, fail("ParameterError", "Invalid types in comparison, trying to compare "+shown(value)+" with '"+f.shown()+"'")
}

func (f *filter) shown() string {
	if f.num != nil {
		return "NumericValue " + f.num.String()
	}
	return "QuotedString \"" + f.text + "\""
}

// shown renders a field's value for an error, as Haskell's pp_value does but for the layout.
func shown(value any) string {
	raw, err := marshal(value)
	if err != nil {
		return "?"
	}
	return string(raw)
}

// wrongPart says what could not be read: the list, or its elements.
func wrongPart(raw []byte, element string) string {
	if raw[0] != '[' {
		return "list"
	}
	return element
}

func ordered(op string, c int) bool {
	switch op {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	case ">=":
		return c >= 0
	}
	return c == 0
}

func ratOf(n *big.Int) *big.Rat { return new(big.Rat).SetInt(n) }

func ratOfNumber(n json.Number) (*big.Rat, bool) { return new(big.Rat).SetString(n.String()) }

func rational(value any) (*big.Rat, bool) {
	switch v := value.(type) {
	case int:
		return new(big.Rat).SetInt64(int64(v)), true
	case int64:
		return new(big.Rat).SetInt64(v), true
	case float64:
		r := new(big.Rat).SetFloat64(v)
		return r, r != nil
	}
	return nil, false
}

// contained implements containsFilter.
func (f *filter) contained(value any) (bool, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return false, errCrash
	}
	if f.num == nil {
		var list []string
		if json.Unmarshal(raw, &list) != nil || isNull(raw) {
			return false, fail("GenericError", "Cannot convert value '"+shown(value)+"', error: Unable to read "+wrongPart(raw, "String"))
		}
		return contains(list, f.text), nil
	}
	var list []json.Number
	if json.Unmarshal(raw, &list) != nil || isNull(raw) {
		return false, fail("GenericError", "Cannot convert value '"+shown(value)+"', error: Unable to read "+wrongPart(raw, "Integer"))
	}
	for _, n := range list {
		if r, ok := new(big.Rat).SetString(n.String()); ok && r.Cmp(new(big.Rat).SetInt(f.num)) == 0 {
			return true, nil
		}
	}
	return false, nil
}
