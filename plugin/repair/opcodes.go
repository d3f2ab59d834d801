package repair

import (
	"time"

	"ganeti-autorepair/luxi"
)

// Place says where a step shall bring an instance: by an allocator, or to
// nodes chosen here; neither for a drbd instance that moves to its secondary.
type Place struct {
	IAllocator string
	Nodes      []string
}

func (p Place) Node() string {
	if len(p.Nodes) == 0 {
		return ""
	}
	return p.Nodes[0]
}

// OpCodes returns the opcodes of a step, all in one job. Every one carries the
// instance's UUID beside its name, so that a name that now belongs to another
// instance makes the job fail before it does anything (P11).
func OpCodes(step Step, i *Instance, p Place, m Mark, limit int, now time.Time) []luxi.OpCode {
	common := luxi.Common{Reason: Trail(m, limit, now)}
	switch step {
	case StepFailover:
		return []luxi.OpCode{&luxi.InstanceFailover{Common: common, InstanceName: i.Name, InstanceUUID: i.UUID, IAllocator: p.IAllocator, TargetNode: p.Node()}}
	case StepMigrate:
		return []luxi.OpCode{&luxi.InstanceMigrate{Common: common, InstanceName: i.Name, InstanceUUID: i.UUID, IAllocator: p.IAllocator, TargetNode: p.Node()}}
	case StepReplaceDisks:
		return []luxi.OpCode{&luxi.InstanceReplaceDisks{Common: common, InstanceName: i.Name, InstanceUUID: i.UUID, Mode: luxi.ReplaceNewSecondary, IAllocator: p.IAllocator, RemoteNode: p.Node()}}
	case StepReinstall:
		// The new place comes first: where there is none the job fails before it
		// touches anything. Only then can the instance be shut down in the
		// configuration, which reinstallation asks for.
		ops := []luxi.OpCode{
			&luxi.InstanceRecreateDisks{Common: common, InstanceName: i.Name, InstanceUUID: i.UUID, Nodes: p.Nodes},
			&luxi.InstanceShutdown{Common: common, InstanceName: i.Name, InstanceUUID: i.UUID},
			&luxi.InstanceReinstall{Common: common, InstanceName: i.Name, InstanceUUID: i.UUID},
		}
		if i.AdminState == "up" {
			ops = append(ops, &luxi.InstanceStartup{Common: common, InstanceName: i.Name, InstanceUUID: i.UUID})
		}
		return ops
	}
	return nil
}

// DryRun returns the job that tests for room for an action: its first opcode, as a dry
// run, which takes all locks and makes all checks but changes nothing. What follows in
// the job would be checked against the unchanged state and fail.
func DryRun(a Action, now time.Time) []luxi.OpCode {
	mark := Mark{Kind: MarkProbe, ID: a.Pending.ID, Step: a.Job.Step}
	ops := OpCodes(a.Job.Step, a.Decision.Instance, a.Job.Place, mark, 0, now)
	ops[0].Header().DryRun = true
	return ops[:1]
}
