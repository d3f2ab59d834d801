package luxitest

import (
	"bytes"
	"encoding/json"
	"time"
)

// maxWait is constants.LUXI_WFJC_TIMEOUT.
const maxWait = 89 * time.Second

// callWait is WaitForJobChange. Under a virtual clock it moves time on, to the next event and the next, until the job
// has changed: a client that waits for jobs never really waits.
func (m *Master) callWait(c *serverConn, args json.RawMessage) (any, error) {
	a, err := tuple(args, 5)
	if err != nil {
		return nil, err
	}
	id, err := absoluteID(a[0])
	if err != nil {
		return nil, err
	}
	fields, err1 := texts(a[1])
	seconds, err2 := integer(a[4])
	if err1 != nil || err2 != nil {
		return nil, unparsable("bad fields or timeout")
	}
	prev := compact(a[2])
	serial := 0
	if v, err := integer(a[3]); err == nil {
		serial = int(v.(int64))
	}
	timeout := time.Duration(seconds.(int64)) * time.Second
	if timeout > maxWait {
		timeout = maxWait
	}
	deadline := m.now.Add(timeout)
	for {
		j := m.jobs[id]
		if j == nil || j.archived {
			return nil, fail("JobLost", "Can't load job file")
		}
		info, logs := m.jobUpdate(j, fields.([]string), serial)
		now, err := marshal(info)
		if err != nil {
			return nil, errCrash
		}
		if j.final() || len(logs) > 0 || !bytes.Equal(now, prev) || !m.now.Before(deadline) {
			return []any{info, logs}, nil
		}
		if !m.waitUntil(c, deadline) {
			return nil, errCrash
		}
	}
}

// waitUntil waits for something to happen, at most until the deadline. It reports false if the connection ended.
func (m *Master) waitUntil(c *serverConn, deadline time.Time) bool {
	if m.clock.virtual {
		at, ok := m.future.next()
		if !ok || at.After(deadline) {
			at = deadline
		}
		m.runUntil(at)
		m.closeIdle()
		select {
		case <-c.gone:
			return false
		default:
			return true
		}
	}
	changed := m.changed
	timer := time.NewTimer(m.real(deadline.Sub(m.now)))
	defer timer.Stop()
	m.unlock()
	defer m.lock()
	select {
	case <-changed:
	case <-timer.C:
	case <-c.gone:
		return false
	}
	return true
}

// jobUpdate implements hs:Query/Server.hs computeJobUpdate: the fields, and the log entries newer than the serial.
func (m *Master) jobUpdate(j *job, fields []string, serial int) ([]any, []any) {
	values := []any{}
	for _, name := range fields {
		d, ok := jobFields[name]
		if !ok { // an unknown field spoils the whole answer
			return make([]any, len(fields)), []any{}
		}
		values = append(values, d.get(m, jobRow{j.id, j}).value)
	}
	logs := []any{}
	for _, op := range j.ops {
		for _, l := range op.log {
			if l.serial > serial {
				logs = append(logs, l.encoded())
			}
		}
	}
	return values, logs
}

func compact(raw json.RawMessage) []byte {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return raw
	}
	return b.Bytes()
}
