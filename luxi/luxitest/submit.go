package luxitest

import (
	"encoding/json"
	"fmt"
)

// decodeJob decodes the opcodes of one job.
func decodeJob(raw json.RawMessage) ([]*opcode, error) {
	var list []json.RawMessage
	if err := strictly(raw, &list); err != nil {
		return nil, unparsable("a job is a list of opcodes")
	}
	ops := []*opcode{}
	for _, r := range list {
		op, err := decodeOpcode(r)
		if err != nil {
			return nil, unparsable("%v", err)
		}
		ops = append(ops, op)
	}
	return ops, nil
}

// resolve makes relative dependencies absolute.
func resolve(ops []*opcode, id int64) error {
	for _, op := range ops {
		for k, d := range op.depends {
			if d.job < 0 {
				op.depends[k].job = id + d.job
				if id+d.job < 0 {
					return fail("GenericError", "Invalid value for job ID ' "+itoa(id+d.job)+"'")
				}
			}
		}
	}
	return nil
}

func (m *Master) callSubmit(args json.RawMessage, ifOpen bool) (any, error) {
	a, err := tuple(args, 1)
	if err != nil {
		return nil, err
	}
	ops, err := decodeJob(a[0])
	if err != nil {
		return nil, err
	}
	if ifOpen && m.cluster.QueueDrained {
		return nil, fail("GenericError", "Queue drained")
	}
	m.serial++
	id := m.serial
	if err := resolve(ops, id); err != nil {
		return nil, err
	}
	if why := unwritable(id, ops); why != "" {
		return nil, fail("GenericError", why)
	}
	m.enqueue(id, ops)
	m.schedule()
	return id, nil
}

// unwritable tells why a job file cannot be written: luxid runs in the C locale when ganeti-watcher or gnt-cluster have
// started it, and then cannot write anything but ASCII. The id is lost.
func unwritable(id int64, ops []*opcode) string {
	for _, op := range ops {
		b, err := marshal(op.input())
		if err != nil {
			return err.Error()
		}
		for _, c := range b {
			if c >= 0x80 {
				return fmt.Sprintf("Failed to write /var/lib/ganeti/queue/job-%d: <stdout>: commitBuffer: invalid argument"+
					" (invalid character)", id)
			}
		}
	}
	return ""
}

func (m *Master) callSubmitMany(args json.RawMessage) (any, error) {
	a, err := tuple(args, 1)
	if err != nil {
		return nil, err
	}
	var list []json.RawMessage
	if err := strictly(a[0], &list); err != nil {
		return nil, unparsable("expected a list of jobs")
	}
	var jobs [][]*opcode
	for _, raw := range list {
		ops, err := decodeJob(raw)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, ops)
	}
	if m.cluster.QueueDrained {
		return nil, fail("GenericError", "Queue drained")
	}
	first := m.serial + 1
	m.serial += int64(len(jobs))
	for k, ops := range jobs {
		if resolve(ops, first+int64(k)) != nil {
			return nil, errCrash // the error escapes from luxid's handler
		}
	}
	answers := []any{}
	for k, ops := range jobs {
		id := first + int64(k)
		if why := unwritable(id, ops); why != "" {
			answers = append(answers, []any{false, why})
			continue
		}
		m.enqueue(id, ops)
		answers = append(answers, []any{true, id})
	}
	m.schedule() // without any job as well
	return answers, nil
}
