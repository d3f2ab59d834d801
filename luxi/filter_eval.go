package luxi

import (
	"encoding/json"
	"math/big"
	"strings"
	"time"
)

// This file evaluates the predicates of filter rules as
// src/Ganeti/JQScheduler/Filtering.hs and src/Ganeti/Query/Filter.hs do. As not all of
// a job is known here, the value of an expression is a set of outcomes.

// outcomes is a set of possible values of an expression.
type outcomes int

const (
	isTrue outcomes = 1 << iota
	isFalse
	// isInvalid is an expression that cannot be evaluated: luxid then takes all of the
	// predicate for false, even inside a negation.
	isInvalid

	isEither = isTrue | isFalse
	isAny    = isTrue | isFalse | isInvalid
)

func outcome(b bool) outcomes {
	if b {
		return isTrue
	}
	return isFalse
}

// settled returns the outcomes of a whole predicate.
func (o outcomes) settled() outcomes {
	if o&isInvalid != 0 {
		return o&^isInvalid | isFalse
	}
	return o
}

// timeOfSubject stands in an encoded opcode for times that are not known yet.
var timeOfSubject = time.Unix(0, 0)

// opReasonSource returns the source of the entry that luxid adds to the reason trail
// of an opcode (opReasonSrcID in src/Ganeti/OpCodes.hs).
func opReasonSource(opID string) string {
	return "gnt:opcode:" + strings.ToLower(strings.TrimPrefix(opID, "OP_"))
}

// predicate evaluates [name, expression].
func (s FilterSubject) predicate(raw json.RawMessage, watermark JobID) outcomes {
	var name string
	var expr json.RawMessage
	if scanList(raw, &name, &expr) != nil {
		return isEither
	}
	f, ok := parseFilterExpr(expr)
	if !ok {
		return isEither
	}
	switch name {
	case "jobid":
		return f.eval(func(leaf filterExpr) outcomes { return s.jobID(leaf, watermark) }).settled()
	case "opcode":
		any := isFalse
		for _, op := range s.ops {
			any = or(any, op.eval(f))
		}
		return any
	case "reason":
		any := isFalse
		for _, r := range s.reasons {
			any = or(any, f.eval(r.leaf).settled())
		}
		return any
	}
	return isEither
}

// or returns the outcomes of an expression that is true if one of two is.
func or(a, b outcomes) outcomes {
	o := (a | b) & isTrue
	if a&isFalse != 0 {
		o |= b & isFalse
	}
	return o
}

// filterExpr is an expression of the filter language (Filter in
// src/Ganeti/Query/Language.hs).
type filterExpr struct {
	op       string // op is "true" for the empty expression.
	operands []filterExpr
	field    string
	value    filterValue
}

// filterValue is what a field is compared with.
type filterValue struct {
	text   string
	number *big.Int // number is nil for a text.
}

// parseFilterExpr decodes an expression. It reports whether the expression has a form
// that is known here.
func parseFilterExpr(raw json.RawMessage) (filterExpr, bool) {
	if string(raw) == "null" {
		return filterExpr{op: "true"}, true
	}
	parts, err := elements(nil, raw)
	if err != nil || len(parts) == 0 {
		return filterExpr{}, false
	}
	var e filterExpr
	if decode(parts[0], &e.op) != nil {
		return filterExpr{}, false
	}
	args := parts[1:]
	switch e.op {
	case "&", "|", "!":
		for _, arg := range args {
			operand, ok := parseFilterExpr(arg)
			if !ok {
				return filterExpr{}, false
			}
			e.operands = append(e.operands, operand)
		}
		return e, e.op != "!" || len(args) == 1
	case "?":
		return e, len(args) == 1 && decode(args[0], &e.field) == nil
	case "=", "==", "!=", "<", "<=", ">", ">=", "=~", "=[]":
		if len(args) != 2 || decode(args[0], &e.field) != nil || !e.value.parse(args[1]) {
			return filterExpr{}, false
		}
	default:
		return filterExpr{}, false
	}
	switch e.op {
	case "=":
		e.op = "=="
	case "!=":
		e.op = "=="
		return filterExpr{op: "!", operands: []filterExpr{e}}, true
	case "=~":
		return e, e.value.number == nil
	}
	return e, true
}

// parse decodes a string or a whole number.
func (v *filterValue) parse(raw json.RawMessage) bool {
	if decode(raw, &v.text) == nil {
		return true
	}
	number, ok := parseNumber(raw)
	if !ok || !number.IsInt() {
		return false
	}
	v.number = number.Num()
	return true
}

// parseNumber decodes a JSON number. One with an exponent of more than three digits
// is refused, as it would take up as much memory.
func parseNumber(raw json.RawMessage) (*big.Rat, bool) {
	var n json.Number
	if len(raw) == 0 || raw[0] == '"' || decode(raw, &n) != nil || len(n) > 40 {
		return nil, false
	}
	if e := strings.IndexAny(string(n), "eE"); e >= 0 && len(strings.TrimLeft(string(n[e+1:]), "+-")) > 3 {
		return nil, false
	}
	return new(big.Rat).SetString(string(n))
}

// eval evaluates the expression; leaf evaluates its comparisons. As in
// evaluateFilterM, operands are looked at in order, and no longer than necessary.
func (e filterExpr) eval(leaf func(filterExpr) outcomes) outcomes {
	switch e.op {
	case "true":
		return isTrue
	case "!":
		o := e.operands[0].eval(leaf)
		not := o & isInvalid
		if o&isTrue != 0 {
			not |= isFalse
		}
		if o&isFalse != 0 {
			not |= isTrue
		}
		return not
	case "&", "|":
		goOn := isTrue
		if e.op == "|" {
			goOn = isFalse
		}
		var all outcomes
		for _, operand := range e.operands {
			o := operand.eval(leaf)
			all |= o &^ goOn
			if o&goOn == 0 {
				return all
			}
		}
		return all | goOn
	}
	return leaf(e)
}

// fields appends the names of all fields of the expression to list.
func (e filterExpr) fields(list []string) []string {
	if e.field != "" {
		list = append(list, e.field)
	}
	for _, operand := range e.operands {
		list = operand.fields(list)
	}
	return list
}

// compared evaluates a comparison, given the order of the field and the value: -1 if
// the field is less, 0 if they are equal, 1 if it is greater. All but comparisons are
// invalid.
func (e filterExpr) compared(order int) outcomes {
	switch e.op {
	case "==":
		return outcome(order == 0)
	case "<":
		return outcome(order < 0)
	case "<=":
		return outcome(order <= 0)
	case ">":
		return outcome(order > 0)
	case ">=":
		return outcome(order >= 0)
	}
	return isInvalid
}

// jobID evaluates a comparison of a predicate "jobid" (FPJobId).
func (s FilterSubject) jobID(e filterExpr, watermark JobID) outcomes {
	if e.field != "id" {
		return isInvalid
	}
	with := e.value.number
	if with == nil {
		if e.value.text != "watermark" {
			return isInvalid
		}
		with = big.NewInt(int64(watermark))
	}
	// The least number, the greatest one, and one in between that is equal.
	least, most := big.NewInt(int64(s.least)), big.NewInt(int64(s.most))
	o := e.compared(least.Cmp(with)) | e.compared(most.Cmp(with))
	if least.Cmp(with) <= 0 && with.Cmp(most) <= 0 {
		o |= e.compared(0)
	}
	return o
}

// leaf evaluates a comparison of a predicate "reason" (FPReason).
func (r filterReason) leaf(e filterExpr) outcomes {
	if e.compared(0) == isInvalid {
		return isInvalid
	}
	switch e.field {
	case "source":
		return e.compareText(r.source, false)
	case "reason":
		return e.compareText(r.text, r.more)
	case "timestamp":
		switch {
		case e.value.number == nil:
			return e.compared(1) // texts come before numbers (FilterValue)
		case !r.timed:
			return isEither
		}
		return e.compared(big.NewInt(r.time).Cmp(e.value.number))
	}
	return isInvalid
}

// compareText compares a text, of which only the beginning is known if more is set.
func (e filterExpr) compareText(text string, more bool) outcomes {
	switch {
	case e.value.number != nil:
		return e.compared(-1)
	case more && strings.HasPrefix(e.value.text, text) && e.value.text != text:
		return isEither
	case more && e.value.text == text:
		return e.compared(1)
	}
	return e.compared(strings.Compare(text, e.value.text))
}

// eval evaluates a predicate "opcode" for one opcode (FPOpCode). All fields must be
// there, also those that are not needed.
func (op filterOp) eval(e filterExpr) outcomes {
	var o outcomes
	values := make(map[string]json.RawMessage)
	for _, field := range e.fields(nil) {
		v, known := op.value(field)
		switch {
		case v != nil:
			values[field] = v
		case known:
			return isFalse
		default:
			o |= isFalse
		}
	}
	return (o | e.eval(func(leaf filterExpr) outcomes {
		v, ok := values[leaf.field]
		if !ok {
			return isAny
		}
		return leaf.evalJSON(v)
	})).settled()
}

// value returns the parameter that a dotted name stands for, and whether it is known;
// nil if there is none (nestedAccessByKeyDotted in src/Ganeti/JSON.hs).
func (op filterOp) value(field string) (json.RawMessage, bool) {
	keys := strings.Split(field, ".")
	v, ok := op.params[keys[0]]
	if !ok {
		for _, name := range commonParams {
			if keys[0] == name {
				return nil, true
			}
		}
		return nil, op.complete
	}
	for _, key := range keys[1:] {
		m, err := object(v)
		if err != nil {
			return nil, true
		}
		if v, ok = m[key]; !ok {
			return nil, op.complete
		}
	}
	return v, true
}
