package integration_test

import (
	"encoding/json"
	"strconv"

	"ganeti-autorepair/luxi"
	"ganeti-autorepair/plugin/repair"
)

// pasts are the jobs of anybody's that may have left something behind which the
// configuration does not show (S15, S16, S18), by the words used for them.
var pasts = map[string][]*repair.JobFact{
	"":                     nil,
	"half copy on sec":     {earlier(1, luxi.JobError, "sec", nil, "OP_INSTANCE_REPLACE_DISKS")},
	"half copy on spare":   {earlier(1, luxi.JobError, "spare", nil, "OP_INSTANCE_REPLACE_DISKS")},
	"half copy somewhere":  {earlier(1, luxi.JobError, "", nil, "OP_INSTANCE_REPLACE_DISKS")},
	"half copy, settled":   {earlier(1, luxi.JobError, "sec", nil, "OP_INSTANCE_REPLACE_DISKS"), earlier(2, luxi.JobSuccess, "", nil, "OP_INSTANCE_MIGRATE")},
	"sent to sec":          {earlier(1, luxi.JobError, "", &repair.LogFact{Transferred: true, Target: "sec"}, "OP_INSTANCE_MIGRATE")},
	"sent to spare":        {earlier(1, luxi.JobError, "", &repair.LogFact{Transferred: true, Target: "spare"}, "OP_INSTANCE_MIGRATE")},
	"sent to lost":         {earlier(1, luxi.JobError, "", &repair.LogFact{Transferred: true, Target: "lost"}, "OP_INSTANCE_MIGRATE")},
	"sent somewhere":       {earlier(1, luxi.JobError, "", nil, "OP_INSTANCE_MIGRATE")},
	"not sent":             {earlier(1, luxi.JobError, "", &repair.LogFact{}, "OP_INSTANCE_MIGRATE")},
	"sent to sec, found":   {earlier(1, luxi.JobError, "", &repair.LogFact{Transferred: true, Target: "sec"}, "OP_INSTANCE_MIGRATE"), earlier(2, luxi.JobError, "", &repair.LogFact{FoundOn: "pri"}, "OP_INSTANCE_MIGRATE")},
	"sent, settled":        {earlier(1, luxi.JobError, "", nil, "OP_INSTANCE_MIGRATE"), earlier(2, luxi.JobSuccess, "", nil, "OP_INSTANCE_MIGRATE")},
	"no system":            {earlier(1, luxi.JobError, "", nil, "OP_INSTANCE_RECREATE_DISKS", "OP_INSTANCE_REINSTALL", "OP_INSTANCE_STARTUP")},
	"no system, installed": {earlier(1, luxi.JobError, "", nil, "OP_INSTANCE_RECREATE_DISKS", "OP_INSTANCE_REINSTALL"), earlier(2, luxi.JobSuccess, "", nil, "OP_INSTANCE_REINSTALL")},
}

// pastWords are the words in an order that is the same in every run.
var pastWords = []string{
	"half copy on sec", "half copy on spare", "half copy somewhere", "half copy, settled", "sent to sec", "sent to spare", "sent to lost",
	"sent somewhere", "not sent", "sent to sec, found", "sent, settled", "no system", "no system, installed",
}

// earlier makes a job: of one that failed the first opcode succeeded if there are
// several.
func earlier(id luxi.JobID, status luxi.JobStatus, target string, log *repair.LogFact, ops ...string) *repair.JobFact {
	info := luxi.JobInfo{ID: id, Known: true, Status: status}
	for k, op := range ops {
		o := luxi.JobOp{ID: op, Status: status, Params: map[string]json.RawMessage{
			"instance_name": json.RawMessage(strconv.Quote("named-otherwise")), "instance_uuid": json.RawMessage(strconv.Quote(theUUID)),
		}}
		if target != "" {
			o.Params["remote_node"] = json.RawMessage(strconv.Quote(target))
		}
		switch {
		case status == luxi.JobError && k < len(ops)-1 && k == 0:
			o.Status = luxi.JobSuccess
		case status == luxi.JobError:
			o.Result.Err = &luxi.Error{Class: "OpExecError", Message: "it broke"}
		}
		info.Ops = append(info.Ops, o)
	}
	f := repair.NewJobFact(info)
	if log != nil {
		f = f.WithLog(*log)
	}
	return f
}

// halfCopied: what the instance has as its secondary may be half a copy (S15).
func (m *demand) halfCopied() bool {
	return m.at.secondary != "" && (m.past == "half copy on sec" || m.past == "half copy somewhere")
}

// sentTo is the node that the instance may run on, and whether that is open at all (S16).
func (m *demand) sentTo() (node string, open bool) {
	switch m.past {
	case "sent to sec":
		return "sec", true
	case "sent to spare":
		return "spare", true
	case "sent to lost":
		return "lost", true
	case "sent somewhere":
		return "", true
	}
	return "", false
}

// withoutSystem: a reinstallation failed halfway, and nobody finished it (S18).
func (m *demand) withoutSystem() bool { return m.past == "no system" }

// startsLater: a reinstallation ends by starting the instance, also where it was up
// before one that failed (S18). The jobs of the table all do so.
func (m *demand) startsLater() bool { return m.admin == "up" || m.withoutSystem() }

// whole: nothing speaks against calling the instance healthy where its nodes are good.
func (m *demand) whole() bool {
	_, open := m.sentTo()
	return !open && !m.withoutSystem()
}

// reached: the next step is a failover to the very node that the instance may run on,
// from a node that is lost: the only one that Ganeti lets follow, and not for drbd, whose
// device the running instance has open.
func (m *demand) reached() bool {
	node, _ := m.sentTo()
	if m.need.first() != stepF || !isOffline(m.at.primary) || m.at.template == "drbd" {
		return false
	}
	return node == "spare" && m.at.gone < 2
}

// stranded: what earlier jobs left behind lets the next step not be taken. Half a copy
// matters where the instance would be started from it.
func (m *demand) stranded() bool {
	if _, open := m.sentTo(); open && !m.reached() {
		return true
	}
	return m.need.first() == stepF && m.halfCopied()
}
