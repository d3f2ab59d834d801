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

// opcodeRequest is a step, and all that its opcodes are made from.
type opcodeRequest struct {
	step     Step
	instance *Instance
	place    Place
	compare  bool  // a failover compares the copies of the disks first (P19)
	disks    []int // what replace-on-primary makes anew
	start    bool  // a reinstallation starts the instance in the end
	mark     Mark
	limit    Limit
	now      time.Time
}

// opCodes returns the opcodes of a step, all in one job. Every one carries the
// instance's UUID beside its name, so that a name that now belongs to another
// instance makes the job fail before it does anything (P11).
func opCodes(o opcodeRequest) []luxi.OpCode {
	common := luxi.Common{Reason: Trail(o.mark, o.limit, o.now)}
	name, uuid, target := o.instance.Name, o.instance.UUID, o.place.Node()
	switch o.step {
	case StepFailover:
		failover := &luxi.InstanceFailover{Common: common, InstanceName: name, InstanceUUID: uuid, IAllocator: o.place.IAllocator, TargetNode: target}
		if !o.compare {
			return []luxi.OpCode{failover}
		}
		// Without wait_for_sync the mirrors need not even be connected.
		return []luxi.OpCode{&luxi.InstanceActivateDisks{Common: common, InstanceName: name, InstanceUUID: uuid, WaitForSync: true}, failover}
	case StepMigrate:
		return []luxi.OpCode{&luxi.InstanceMigrate{Common: common, InstanceName: name, InstanceUUID: uuid, IAllocator: o.place.IAllocator, TargetNode: target}}
	case StepReplaceDisks:
		return []luxi.OpCode{&luxi.InstanceReplaceDisks{Common: common, InstanceName: name, InstanceUUID: uuid, Mode: luxi.ReplaceNewSecondary, IAllocator: o.place.IAllocator, RemoteNode: target}}
	case StepReplaceOnPrimary:
		return []luxi.OpCode{&luxi.InstanceReplaceDisks{Common: common, InstanceName: name, InstanceUUID: uuid, Mode: luxi.ReplaceOnPrimary, Disks: o.disks}}
	case StepReinstall:
		// The new place comes first: where there is none the job fails before it
		// touches anything. Only then can the instance be shut down in the
		// configuration, which reinstallation asks for.
		ops := []luxi.OpCode{
			&luxi.InstanceRecreateDisks{Common: common, InstanceName: name, InstanceUUID: uuid, Nodes: o.place.Nodes},
			&luxi.InstanceShutdown{Common: common, InstanceName: name, InstanceUUID: uuid},
			&luxi.InstanceReinstall{Common: common, InstanceName: name, InstanceUUID: uuid},
		}
		if o.start {
			ops = append(ops, &luxi.InstanceStartup{Common: common, InstanceName: name, InstanceUUID: uuid})
		}
		return ops
	}
	return nil
}

// DryRun returns the job that tests for room for an action: its first opcode that takes
// room, as a dry run, which takes all locks and makes all checks but changes nothing.
// What follows in the job would be checked against the unchanged state and fail.
func DryRun(a Action, now time.Time) []luxi.OpCode {
	mark := Mark{Kind: MarkProbe, ID: a.Pending.ID, Step: a.Job.Step}
	ops := opCodes(opcodeRequest{step: a.Job.Step, instance: a.Decision.Instance, place: a.Job.Place, disks: a.Decision.Need.Disks, mark: mark, now: now})
	ops[0].Header().DryRun = true
	return ops[:1]
}
