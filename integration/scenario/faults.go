package scenario

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"ganeti-autorepair/luxi/luxitest"
)

// Events that interfere: with calls of the next pass, and with opcodes.

// hookAt arranges for something to happen at a call of the next pass.
func (w *World) hookAt(args []string, do func(*hook) luxitest.Fault) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	h := &hook{method: args[0], n: n, first: n}
	h.do = func() luxitest.Fault { return do(h) }
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hooks = append(w.hooks, h)
	return nil
}

// Faults are what can become of a call, by name.
var Faults = map[string]luxitest.Fault{
	"before":  luxitest.DieBefore(),
	"after":   luxitest.DieAfter(),
	"cut":     luxitest.CutReply(9),
	"refused": luxitest.FailWith("GenericError", "out of order"),
}

func (w *World) fault(args []string) error {
	f, known := Faults[args[2]]
	if !known {
		return fmt.Errorf("unknown fault")
	}
	return w.hookAt(args, func(*hook) luxitest.Fault { return f })
}

func (w *World) killed(args []string) error {
	f := Faults[args[2]]
	return w.hookAt(args, func(h *hook) luxitest.Fault {
		w.mu.Lock()
		defer w.mu.Unlock()
		h.dead = true
		return f
	})
}

func (w *World) during(args []string) error {
	return w.hookAt(args, func(*hook) luxitest.Fault {
		if err := w.Do(args[2:]); err != nil {
			w.wrong("story", "during %s: %v", strings.Join(args, " "), err)
		}
		return luxitest.Pass()
	})
}

// answer makes the next pass believe that there is nothing of a kind.
func (w *World) answer(args []string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.hooks = append(w.hooks, &hook{method: "Query " + args[0], n: 1, first: 1, empty: true})
	return nil
}

// emptyAnswer is an answer to a query without any rows.
func emptyAnswer(c luxitest.Call) luxitest.Fault {
	var args []json.RawMessage
	var names []string
	if json.Unmarshal(c.Args, &args) != nil || json.Unmarshal(args[1], &names) != nil {
		return luxitest.Pass()
	}
	fields := []map[string]string{}
	for _, name := range names {
		fields = append(fields, map[string]string{"name": name, "title": name, "kind": "text", "doc": name})
	}
	payload, err := json.Marshal(map[string]any{"success": true, "result": map[string]any{"fields": fields, "data": []any{}}})
	if err != nil {
		return luxitest.Pass()
	}
	return luxitest.ReplaceReply(string(payload))
}

// opcodeFault is what becomes of an opcode.
type opcodeFault struct {
	op, object string // of what the opcode names, an instance or a node
	times      int    // how often; -1 is always
	fault      luxitest.OpFault
}

func (w *World) onOpcode(op luxitest.Opcode, _ luxitest.Job) luxitest.OpFault {
	w.mu.Lock()
	defer w.mu.Unlock()
	dry, _ := op.Params["dry_run"].(bool)
	for _, f := range w.opcodes {
		if f.times != 0 && op.ID == "OP_"+f.op && !dry && (op.Text("instance_name") == f.object || op.Text("name") == f.object || op.Text("node_name") == f.object) {
			f.times--
			w.disturbed = w.disturbed || strings.HasPrefix(f.op, "TAGS_")
			return f.fault
		}
	}
	return luxitest.OpPass()
}

func (w *World) fail(args []string) error {
	f := luxitest.OpFails("OpExecError", "it broke")
	if args[2] != "exec" {
		f = luxitest.OpFails("OpPrereqError", "it cannot be", args[2])
	}
	f = f.At(point(args[3:]))
	times := 1
	for k, word := range args[3:] {
		switch word {
		case "always":
			times = -1
		case "times":
			n, err := strconv.Atoi(args[3:][k-1])
			if err != nil {
				return err
			}
			times = n
		}
	}
	w.addOpcode(&opcodeFault{args[0], args[1], times, f})
	return nil
}

func (w *World) addOpcode(f *opcodeFault) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.opcodes = append(w.opcodes, f)
}
