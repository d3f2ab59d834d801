package luxitest

// prepareMove prepares INSTANCE_FAILOVER and INSTANCE_MIGRATE (py:cmdlib/instance_migration.py), which share their checks.
func (m *Master) prepareMove(op *queuedOp) (*execution, *opError) {
	failover := op.id == "OP_INSTANCE_FAILOVER"
	if err := m.expandInstance(op, failover); err != nil {
		return nil, err
	}
	if err := m.expandNode(op, "target_node"); err != nil {
		return nil, err
	}
	mv := &move{Master: m, op: op, failover: failover}
	nodes := func(i *Instance) []string {
		switch {
		case !extMirrored(i.Template):
			return i.Nodes()
		case op.text("target_node") == "":
			return everyNode
		}
		return []string{i.Primary, op.text("target_node")}
	}
	return &execution{
		locks: m.resourceLocks(op, nodes),
		check: func(e *execution) *opError {
			if err := mv.check(e); err != nil {
				return err
			}
			e.steps = mv.steps()
			return nil
		},
	}, nil
}

// move implements TLMigrateInstance.
type move struct {
	*Master
	op             *queuedOp
	failover       bool
	source, target string
	targetFree     int // MiB of memory
	transfer       *transfer
}

func (mv *move) check(e *execution) *opError {
	i, err := mv.locked(mv.op)
	if err != nil {
		return err
	}
	fallback, cleanup := mv.op.flag("allow_failover"), mv.op.flag("cleanup") && !mv.failover
	if !cleanup && i.AdminState != AdminUp && !mv.failover && fallback {
		e.info("Instance is marked down or offline, fallback allowed, switching to failover")
		mv.failover = true
	}
	mv.source = i.Primary
	if err := mv.chooseTarget(e, i); err != nil {
		return err
	}
	if !cleanup && (!mv.failover || i.AdminState == AdminUp) {
		if err := mv.checkMemory(mv.target, "migrating instance "+i.Name, i.minMemory()); err != nil {
			return err
		}
		mv.targetFree = mv.cluster.freeMemory(mv.cluster.Node(mv.target))
	} else {
		e.info("Not checking memory on the secondary node as instance will not be started")
	}
	if mv.failover && mv.op.flag("cleanup") {
		return execError("Internal assertion error: please report this as a bug.\nError message: ''; location:\n")
	}
	if cleanup {
		return nil
	}
	if !mv.failover && i.AlwaysFailover {
		e.info("Instance configured to always failover; fallback to failover")
		mv.failover = true
	}
	if err := mv.checkNotDrained(mv.target); err != nil {
		return err
	}
	if mv.failover {
		return nil
	}
	problem := mv.rpc(i.Primary)
	if problem == "" && !i.Running() {
		problem = "Instance " + i.Name + " is not running"
	}
	switch {
	case problem != "" && fallback:
		e.info("Can't migrate, instance offline, fallback to failover")
		mv.failover = true
	case problem != "":
		return prereq(codeState, "Can't migrate, please use failover: %s", problem)
	case mv.op.params["live"] != nil && mv.op.params["mode"] != nil:
		return prereq(codeInval, "Only one of the 'live' and 'mode' parameters are accepted")
	}
	return nil
}

func (mv *move) chooseTarget(e *execution, i *Instance) *opError {
	what, done := "migrations", "migrated"
	if mv.failover {
		what, done = "failovers", "failed over"
	}
	switch {
	case extMirrored(i.Template):
		given := mv.op.text("target_node") != ""
		if err := mv.chooseAllocator(mv.op, given); err != nil {
			return err
		}
		mv.target = mv.op.text("target_node")
		if !given {
			target, err := mv.relocate(e, i, mv.op.text("iallocator"), i.Primary)
			if err != nil {
				return err
			}
			mv.target = target
			e.info("Selected nodes for instance %s via iallocator %s: %s", i.Name, mv.op.text("iallocator"), target)
		}
		if mv.target == i.Primary {
			return prereq(codeState, "Cannot migrate instance %s to its primary (%s)", i.Name, i.Primary)
		}
		// Only the locks of nodes: those of their resources stay until the end.
		mv.keepLocks(e, "node/", []string{i.Primary, mv.target})
	case intMirrored(i.Template):
		mv.target = i.Secondaries[0]
		if t := mv.op.text("target_node"); mv.op.text("iallocator") != "" || t != "" && t != mv.target {
			return prereq(codeInval, "Instances with disk types %s cannot be %s to arbitrary nodes"+
				" (neither an iallocator nor a target node can be passed)", i.Template, done)
		}
	case i.Template == Mixed:
		return &opError{"OpPrereqError", []string{"Instance mixes internal and external mirroring. This is not currently supported."}}
	default:
		return prereq(codeState, "Instance's disk layout '%s' does not allow %s", i.Template, what)
	}
	return nil
}

func (mv *move) steps() []step {
	switch d := mv.duration(mv.op); {
	case mv.failover:
		return mv.failoverSteps(d)
	case mv.op.flag("cleanup"):
		return []step{{after: 0, do: mv.cleanup, point: AtConfig}, {after: d / 10, do: mv.cleanupDisks}}
	default:
		return mv.migrationSteps(d)
	}
}

// pointTo makes the target the instance's primary node (SetInstancePrimaryNode).
func (mv *move) pointTo(i *Instance, target string) {
	if intMirrored(i.Template) {
		if peer := i.peer(target); peer != "" {
			i.Secondaries = []string{peer}
		}
	}
	i.Primary = target
}
