package luxitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// callError is an error answer of the form ["Class", [args]] (hs:Errors.hs).
type callError struct {
	class string
	args  []any
}

func (e *callError) Error() string { return fmt.Sprintf("%s%v", e.class, e.args) }

func fail(class string, args ...any) error { return &callError{class, args} }

// parseError means that luxid cannot parse the request: it answers with a string and closes the connection.
type parseError struct{ why string }

func (e *parseError) Error() string { return e.why }

func unparsable(format string, args ...any) error { return &parseError{fmt.Sprintf(format, args...)} }

// errCrash means that the handler died: luxid answers nothing. It closes the connection when its garbage collector finds
// it, the simulator at once.
var errCrash = errors.New("handler died")

// errSilent means that the handler died and that luxid is too idle to collect garbage: the client waits forever.
var errSilent = errors.New("handler died unnoticed")

// handle executes a call. The reply is nil if there is none; stays is false if luxid closes the connection.
func (m *Master) handle(c *serverConn, call Call, parsed error) (reply []byte, stays bool) {
	var result any
	err := parsed
	if err != nil {
		err = unparsable("%v", err)
	} else {
		m.lock()
		result, err = m.execute(c, call.Method, call.Args)
		m.unlock()
	}
	response := map[string]any{"success": err == nil, "result": result}
	stays = true
	var ce *callError
	var pe *parseError
	switch {
	case err == nil:
	case errors.As(err, &ce):
		args := ce.args
		if args == nil {
			args = []any{}
		}
		response["result"] = []any{ce.class, args}
	case errors.As(err, &pe):
		response["result"] = "Failed to parse request: " + pe.why
		stays = false
	case errors.Is(err, errSilent):
		<-c.gone
		return nil, false
	default:
		return nil, false
	}
	reply, err = marshal(response)
	if err != nil {
		panic("luxitest: cannot marshal the reply to " + call.Method + ": " + err.Error())
	}
	return reply, stays
}

// marshal is json.Marshal without the escapes meant for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// tuple decodes the args of a call with a fixed number of them.
func tuple(args json.RawMessage, n int) ([]json.RawMessage, error) {
	var list []json.RawMessage
	if err := strictly(args, &list); err != nil || len(list) != n {
		return nil, unparsable("expected %d arguments", n)
	}
	return list, nil
}

// execute runs a call with the mutex held (hs:Query/Server.hs handleCall).
func (m *Master) execute(c *serverConn, method string, args json.RawMessage) (any, error) {
	switch method {
	case "Query":
		return m.callQuery(args)
	case "QueryClusterInfo":
		return m.clusterInfo(), nil
	case "QueryConfigValues":
		return m.callConfigValues(args)
	case "QueryTags":
		return m.callTags(args)
	case "QueryJobs":
		return m.callQueryJobs(args)
	case "QueryInstances", "QueryNodes", "QueryGroups":
		return m.callClassicQuery(method, args)
	case "SubmitJob", "SubmitJobToDrainedQueue":
		return m.callSubmit(args, method == "SubmitJob")
	case "SubmitManyJobs":
		return m.callSubmitMany(args)
	case "WaitForJobChange":
		return m.callWait(c, args)
	case "CancelJob":
		return m.callCancel(c, args)
	case "ArchiveJob":
		return m.callArchive(args)
	case "AutoArchiveJobs":
		return m.callAutoArchive(args)
	case "ChangeJobPriority":
		return m.callPriority(args)
	case "QueryFilters":
		return m.callQueryFilters(args)
	case "ReplaceFilter":
		return m.callReplaceFilter(args)
	case "DeleteFilter":
		return m.callDeleteFilter(args)
	case "SetDrainFlag":
		return m.callDrain(args)
	}
	return nil, unparsable("Unable to parse LUXI request method: Invalid value for type LuxiReq: '%s'", method)
}

// summarizeArgs returns the part of a call's arguments that is logged.
func summarizeArgs(method string, args json.RawMessage) string {
	switch method {
	case "Query":
		if a, err := tuple(args, 3); err == nil {
			return " " + string(a[0]) + " " + string(a[1]) + " " + string(a[2])
		}
	case "SubmitJob", "SubmitManyJobs", "QueryClusterInfo", "":
		return ""
	}
	return " " + string(args)
}

func (m *Master) callConfigValues(args json.RawMessage) (any, error) {
	a, err := tuple(args, 1)
	if err != nil {
		return nil, err
	}
	names, err := texts(a[0])
	if err != nil {
		return nil, unparsable("%v", err)
	}
	values := []any{}
	for _, name := range names.([]string) {
		var v any
		switch name {
		case "cluster_name":
			v = m.cluster.Name
		case "master_node":
			v = m.cluster.Master
		case "drain_flag":
			v = m.cluster.QueueDrained
		case "watcher_pause":
			// QCluster.isWatcherPaused gives null once the time has passed.
			if p := m.cluster.WatcherPause; p.After(m.now) {
				v = p.Unix()
			}
		}
		values = append(values, v)
	}
	return values, nil
}

func (m *Master) callTags(args json.RawMessage) (any, error) {
	a, err := tuple(args, 2)
	if err != nil {
		return nil, err
	}
	kind, err1 := oneOf("cluster", "node", "nodegroup", "instance", "network")(a[0])
	name, err2 := text(a[1])
	if err1 != nil || err2 != nil {
		return nil, unparsable("bad kind or name of tags")
	}
	var tags []string
	switch kind {
	case "cluster":
		tags = m.cluster.Tags
	case "node":
		n, err := m.lookupNode(name.(string))
		if err != nil {
			return nil, err
		}
		tags = n.Tags
	case "nodegroup":
		g, err := m.lookupGroup(name.(string))
		if err != nil {
			return nil, err
		}
		tags = g.Tags
	case "instance":
		i, err := m.lookupInstance(name.(string))
		if err != nil {
			return nil, err
		}
		tags = i.Tags
	default:
		return nil, notFound("Network", name.(string))
	}
	return shownTags(tags), nil
}

func shownTags(tags []string) []string {
	if tags == nil {
		return []string{}
	}
	return sortedCopy(tags)
}

func notFound(kind, name string) error {
	return fail("OpPrereqError", kind+" name "+name+" not found", codeNoEnt)
}

// maxCancel is constants.LUXI_CANCEL_JOB_TIMEOUT.
const maxCancel = 44 * time.Second

func (m *Master) callCancel(c *serverConn, args json.RawMessage) (any, error) {
	kill := false
	a, err := tuple(args, 1)
	if err != nil {
		if a, err = tuple(args, 2); err != nil {
			return nil, err
		}
		v, err := boolean(a[1])
		if err != nil {
			return nil, unparsable("%v", err)
		}
		kill = v.(bool)
	}
	id, err := absoluteID(a[0])
	if err != nil {
		return nil, err
	}
	ok, why, wait := m.cancel(id, kill)
	if wait {
		j := m.jobs[id]
		for deadline := m.now.Add(maxCancel); !j.final() && m.now.Before(deadline); {
			if !m.waitUntil(c, deadline) {
				return nil, errCrash
			}
		}
		ok, why = j.canceled()
	}
	return []any{ok, why}, nil
}

// absoluteID decodes the id of a job in a call.
func absoluteID(raw json.RawMessage) (int64, error) {
	id, err := jobID(raw)
	if err != nil || id < 0 {
		return 0, unparsable("invalid job id %s", raw)
	}
	return id, nil
}

func (m *Master) callArchive(args json.RawMessage) (any, error) {
	a, err := tuple(args, 1)
	if err != nil {
		return nil, err
	}
	id, err := absoluteID(a[0])
	if err != nil {
		return nil, err
	}
	j := m.jobs[id]
	if j == nil || !j.final() || j.archived {
		return false, nil
	}
	j.archived = true
	m.note(LogQueue, "job %d archived", id)
	return true, nil
}

func (m *Master) callAutoArchive(args json.RawMessage) (any, error) {
	a, err := tuple(args, 2)
	if err != nil {
		return nil, err
	}
	age, err1 := integer(a[0])
	_, err2 := integer(a[1])
	if err1 != nil || err2 != nil {
		return nil, unparsable("age and timeout are numbers")
	}
	return []int{m.archiveOlder(time.Duration(age.(int64)) * time.Second), 0}, nil
}

func (m *Master) callPriority(args json.RawMessage) (any, error) {
	a, err := tuple(args, 2)
	if err != nil {
		return nil, err
	}
	id, err := absoluteID(a[0])
	if err != nil {
		return nil, err
	}
	prio, err := integer(a[1])
	if err != nil {
		return nil, unparsable("%v", err)
	}
	j := m.jobs[id]
	if j == nil || j.archived || !j.slot && !j.enqueued() {
		return []any{false, "Job " + itoa(id) + " not found in queue"}, nil
	}
	for _, op := range j.ops {
		if !isFinal(op.status) {
			op.priority = int(prio.(int64))
		}
	}
	if j.slot {
		m.grant()
		return []any{true, "Job " + itoa(id) + " with pid " + itoa(1000+id) + " signaled"}, nil
	}
	m.schedule()
	return []any{true, fmt.Sprintf("Priorities of pending opcodes for job %d have been changed to %d", id, prio)}, nil
}

func (m *Master) callDrain(args json.RawMessage) (any, error) {
	a, err := tuple(args, 1)
	if err != nil {
		return nil, err
	}
	drained, err := boolean(a[0])
	if err != nil {
		return nil, unparsable("%v", err)
	}
	if !drained.(bool) && !m.cluster.QueueDrained {
		return nil, errSilent // luxid removes a file that is not there
	}
	m.cluster.QueueDrained = drained.(bool)
	m.note(LogQueue, "queue drained: %v", drained)
	return true, nil
}
