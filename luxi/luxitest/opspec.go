package luxitest

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// opcode is a decoded opcode.
type opcode struct {
	id      string
	params  map[string]any
	reason  []Reason
	depends []depend
	dryRun  bool
	prio    int
}

// depend is one dependency of a job on another.
type depend struct {
	job int64
	on  []string
}

// paramSpec describes one parameter of an opcode as hs:OpParams.hs does.
type paramSpec struct {
	name     string
	decode   func(json.RawMessage) (any, error)
	required bool
	def      any // what an absent or null parameter becomes; nil if it stays absent
}

func req(name string, decode func(json.RawMessage) (any, error)) paramSpec {
	return paramSpec{name: name, decode: decode, required: true}
}

func opt(name string, decode func(json.RawMessage) (any, error)) paramSpec {
	return paramSpec{name: name, decode: decode}
}

func def(name string, value any, decode func(json.RawMessage) (any, error)) paramSpec {
	return paramSpec{name: name, decode: decode, def: value}
}

// decodeOpcode is as strict as luxid: unknown keys, missing required ones and wrong types are errors.
func decodeOpcode(raw json.RawMessage) (*opcode, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil || fields == nil {
		return nil, fmt.Errorf("opcode is not an object")
	}
	op := &opcode{params: make(map[string]any)}
	id, err := text(fields["OP_ID"])
	if err != nil {
		return nil, fmt.Errorf("key 'OP_ID' not found or not a string")
	}
	op.id = id.(string)
	specs, ok := opSpecs[op.id]
	if !ok {
		return nil, fmt.Errorf("unknown opcode %s", op.id)
	}
	if err := op.decodeCommon(fields); err != nil {
		return nil, err
	}
	known := map[string]bool{
		"OP_ID": true, "reason": true, "priority": true, "depends": true, "comment": true, "dry_run": true, "debug_level": true,
	}
	for _, spec := range specs {
		known[spec.name] = true
		v, err := spec.value(fields)
		if err != nil {
			return nil, err
		}
		op.params[spec.name] = v
	}
	for key := range fields {
		if !known[key] {
			return nil, fmt.Errorf("found unexpected field '%s' in %s", key, op.id)
		}
	}
	return op, nil
}

func (s paramSpec) value(fields map[string]json.RawMessage) (any, error) {
	raw, given := fields[s.name]
	switch {
	case !given && s.required:
		return nil, fmt.Errorf("key '%s' not found", s.name)
	case !given || isNull(raw) && !s.required:
		return s.def, nil
	}
	v, err := s.decode(raw)
	if err != nil {
		return nil, fmt.Errorf("key '%s': %v", s.name, err)
	}
	return v, nil
}

// decodeCommon decodes what all opcodes have: hs:OpCodes.hs CommonOpParams.
func (op *opcode) decodeCommon(fields map[string]json.RawMessage) error {
	common := []paramSpec{
		req("reason", reasonTrail), def("priority", int64(0), oneOfNumbers(-10, 0, 10)), opt("depends", dependencies),
		opt("comment", text), opt("dry_run", boolean), opt("debug_level", nonNegative),
	}
	values := make(map[string]any)
	for _, spec := range common {
		v, err := spec.value(fields)
		if err != nil {
			return err
		}
		values[spec.name] = v
	}
	op.reason = values["reason"].([]Reason)
	op.prio = int(values["priority"].(int64))
	op.depends, _ = values["depends"].([]depend)
	op.dryRun, _ = values["dry_run"].(bool)
	op.params["dry_run"], op.params["comment"], op.params["debug_level"] = values["dry_run"], values["comment"], values["debug_level"]
	return nil
}

// input is the opcode as queries show it: parameters without a value are left out, except depends and comment.
func (op *opcode) input() map[string]any {
	in := map[string]any{"OP_ID": op.id, "reason": op.reason, "priority": op.prio, "comment": op.params["comment"], "depends": nil}
	if op.depends != nil {
		deps := make([]any, 0, len(op.depends))
		for _, d := range op.depends {
			deps = append(deps, []any{d.job, d.on})
		}
		in["depends"] = deps
	}
	for k, v := range op.params {
		if v != nil {
			in[k] = v
		}
	}
	return in
}

func (op *opcode) flag(name string) bool {
	b, _ := op.params[name].(bool)
	return b
}

func (op *opcode) text(name string) string {
	s, _ := op.params[name].(string)
	return s
}

func (op *opcode) list(name string) []string {
	l, _ := op.params[name].([]string)
	return l
}

// summary implements hs:OpCodes.hs opSummary.
func (op *opcode) summary() string {
	name := strings.TrimPrefix(op.id, "OP_")
	switch {
	case op.id == "OP_TEST_DELAY":
		return name + "(" + haskellDouble(op.params["duration"].(float64)) + ")"
	case op.text("node_name") != "":
		return name + "(" + op.text("node_name") + ")"
	case op.text("group_name") != "":
		return name + "(" + op.text("group_name") + ")"
	case op.id == "OP_INSTANCE_RENAME" || op.params["instance_name"] == nil:
		return name
	}
	return name + "(" + op.text("instance_name") + ")"
}

// haskellDouble is Haskell's show for a Double: 0.1 and 1.0, but 1.0e-2.
func haskellDouble(f float64) string {
	if abs := math.Abs(f); abs == 0 || abs >= 0.1 && abs < 1e7 {
		s := strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exponent)
	return mantissa + "e" + strconv.Itoa(n)
}
