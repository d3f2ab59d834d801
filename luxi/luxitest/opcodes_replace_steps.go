package luxitest

// allocate makes the disks of a new secondary (_ExecDrbd8Secondary). Up to its end the old mirror is whole.
func (r *replace) allocate(e *execution) *opError {
	i, err := r.locked(r.op)
	if err != nil || i.Forthcoming {
		return err
	}
	e.info("Adding new local storage on %s for disk/0", r.new)
	problem := r.rpc(r.new)
	switch {
	case problem != "":
	case i.placedOn(r.new): // volumes are named alike on all nodes
		problem = "Can't create block device: Logical volume \"disk0_data\" already exists in volume group \"" + i.vg() + "\""
	default:
		problem = r.noRoom(i, r.new)
	}
	if problem != "" {
		return execError("Can't create block device: Can't create block device %s on node %s for instance %s: %s", device(i), r.new, i.Name, problem)
	}
	i.Data.Partial = with(i.Data.Partial, r.new)
	return nil
}

// attach points the configuration to the new secondary.
func (r *replace) attach(e *execution) *opError {
	i, err := r.locked(r.op)
	if err != nil {
		return err
	}
	if i.Forthcoming {
		e.log("Instance fortcoming, will only update the configuration")
	} else {
		e.log("STEP 4/6 Changing drbd configuration")
		e.info("activating a new drbd on %s for disk/0", r.new)
		e.info("Shutting down drbd for disk/0 on old node")
		if msg := r.rpc(r.old); msg != "" {
			e.warn("Failed to shutdown drbd for disk/0 on oldnode: %s", msg)
			e.log("      Hint: Please cleanup this device manually as soon as possible")
		}
		e.info("Detaching primary drbds from the network (=> standalone)")
		if msg := r.rpc(i.Primary); msg != "" {
			return execError("Can't detach the disks from the network on old node: %s", msg)
		}
	}
	e.info("Updating instance configuration")
	i.Secondaries = []string{r.new}
	r.effect("instance %s: secondary %s -> %s", i.Name, r.old, r.new)
	r.releaseLevel(e, "node/")
	return nil
}

// connect starts the resynchronization.
func (r *replace) connect(e *execution) *opError {
	i, err := r.locked(r.op)
	if err != nil || i.Forthcoming {
		return err
	}
	e.info("Attaching primary drbds to new secondary (standalone => connected)")
	for _, name := range i.Nodes() {
		if msg := r.rpc(name); msg != "" {
			return execError("Can't attach drbd disks on node %s: %s (please do a gnt-instance info %s to see the status of disks)",
				name, msg, i.Name)
		}
	}
	number := "5"
	if r.early {
		e.log("STEP 5/6 Removing old storage")
		r.remove(e, i)
		r.releaseLevel(e, "node-res/")
		number = "6"
	}
	e.log("STEP %s/6 Sync devices", number)
	e.info("Waiting for instance %s to sync disks", i.Name)
	return nil
}

// synced is the end of the resynchronization.
func (r *replace) synced(e *execution) *opError {
	i, err := r.locked(r.op)
	if err != nil {
		return err
	}
	if !i.Forthcoming {
		for _, name := range i.Nodes() {
			if msg := r.rpc(name); msg != "" {
				return execError("Can't find DRBD device 0 on node %s: %s", name, msg)
			}
		}
		if !r.cluster.connected(i) || !i.upToDate(i.Primary) {
			return execError("DRBD device 0 is degraded!")
		}
		e.info("Instance %s's disks are in sync", i.Name)
		r.copied(i, i.Primary, r.new)
		if !r.early {
			e.log("STEP 6/6 Removing old storage")
			r.remove(e, i)
		}
	}
	r.effect("instance %s: replica on %s in sync", i.Name, r.new)
	return nil
}

// remove implements _RemoveOldStorage.
func (r *replace) remove(e *execution, i *Instance) {
	e.info("Remove logical volumes for 0")
	if msg := r.rpc(r.old); msg != "" {
		for n := 0; n < 2; n++ { // data and metadata
			e.warn("Can't remove old LV: %s", msg)
			e.log("      Hint: remove unused LVs manually")
		}
		// What that copy alone has is given up, as Ganeti knows it no more.
		i.Data.lost = i.Data.lost.with(i.Data.writes[i.Primary].lacking(i.Data.writes[r.old])...)
		return
	}
	r.discard(i, r.old, "replace-disks")
}

// renew makes new disks on a node that stays (_ExecDrbd8DiskOnly) and begins to fill them from the other end.
func (r *replace) renew(e *execution) *opError {
	i, err := r.locked(r.op)
	if err != nil {
		return err
	}
	e.info("Adding storage on %s for disk/0", r.target)
	if problem := r.noRoom(i, r.target); problem != "" {
		return execError("Can't create block device: %s", problem)
	}
	e.log("STEP 4/6 Changing drbd configuration")
	e.info("Detaching disk/0 drbd from local storage")
	e.info("Renaming the old LVs on the target node")
	e.info("Renaming the new LVs on the target node")
	e.info("Adding new mirror component on %s", r.target)
	i.Data.On, i.Data.Failed = without(i.Data.On, r.target), without(i.Data.Failed, r.target)
	i.Data.Partial = with(i.Data.Partial, r.target)
	number := "5"
	if r.early {
		e.log("STEP 5/6 Removing old storage")
		e.info("Remove logical volumes for disk/0")
		r.releaseLevel(e, "node-res/")
		number = "6"
	}
	r.releaseLevel(e, "node/")
	e.log("STEP %s/6 Sync devices", number)
	e.info("Waiting for instance %s to sync disks", i.Name)
	return nil
}

// renewed is the end of that resynchronization.
func (r *replace) renewed(e *execution) *opError {
	i, err := r.locked(r.op)
	if err != nil {
		return err
	}
	for _, name := range i.Nodes() {
		if msg := r.rpc(name); msg != "" {
			return execError("Can't find DRBD device disk/0: %s", msg)
		}
	}
	if !r.cluster.connected(i) || !i.upToDate(r.other) {
		return execError("DRBD device disk/0 is degraded!")
	}
	e.info("Instance %s's disks are in sync", i.Name)
	r.copied(i, r.other, r.target)
	if !r.early {
		e.log("STEP 6/6 Removing old storage")
		e.info("Remove logical volumes for disk/0")
	}
	r.effect("instance %s: replica on %s in sync", i.Name, r.target)
	return nil
}
