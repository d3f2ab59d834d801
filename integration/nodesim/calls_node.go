package nodesim

import (
	"encoding/json"
	"fmt"
)

// calls are what a node answers. Each runs with the fleet's mutex held. A result
// of nil stands for "done".
var calls map[string]func(*node, *arguments) (interface{}, error)

func init() {
	calls = map[string]func(*node, *arguments) (interface{}, error){
		"version":                    version,
		"master_node_name":           masterNodeName,
		"node_info":                  nodeInfo,
		"node_verify":                nodeVerify,
		"node_verify_light":          nodeVerify,
		"node_ensure_daemon":         nothing(nil),
		"node_crypto_tokens":         cryptoTokens,
		"node_demote_from_mc":        nothing(nil),
		"node_powercycle":            powercycle,
		"node_has_ip_address":        hasAddress,
		"hooks_runner":               nothing([]interface{}{}),
		"bridges_exist":              nothing(nil),
		"hypervisor_validate_params": nothing(nil),
		"write_ssconf_files":         writeSsconf,
		"upload_file":                nothing(nil),
		"upload_file_single":         nothing(nil),
		"jobqueue_update":            nothing(nil),
		"jobqueue_rename":            nothing(nil),
		"set_watcher_pause":          nothing(nil),
		"test_delay":                 nothing(nil),
		"drbd_helper":                nothing("/bin/true"),
		"storage_list":               storageList,
		"vg_list":                    volumeGroups,
		"lv_list":                    logicalVolumes,
		"node_volumes":               nodeVolumes,
		"file_storage_dir_create":    nothing(nil),
		"file_storage_dir_remove":    nothing(nil),
		"os_validate":                osValidate,
		"os_diagnose":                osDiagnose,
		"extstorage_diagnose":        nothing([]interface{}{}),

		"all_instances_info":              allInstancesInfo,
		"instance_list":                   instanceList,
		"instance_info":                   instanceInfo,
		"instance_start":                  instanceStart,
		"instance_shutdown":               instanceShutdown,
		"instance_reboot":                 nothing(nil),
		"instance_balloon_memory":         nothing(nil),
		"instance_os_add":                 instanceOSAdd,
		"instance_metadata_modify":        nothing(nil),
		"instance_migratable":             instanceMigratable,
		"migration_info":                  nothing(""),
		"accept_instance":                 acceptInstance,
		"instance_migrate":                instanceMigrate,
		"instance_get_migration_status":   migrationStatus,
		"instance_finalize_migration_src": finalizeSource,
		"instance_finalize_migration_dst": finalizeTarget,

		"blockdev_create":                blockdevCreate,
		"blockdev_remove":                blockdevRemove,
		"blockdev_assemble":              blockdevAssemble,
		"blockdev_shutdown":              blockdevShutdown,
		"blockdev_open":                  blockdevOpen,
		"blockdev_close":                 blockdevClose,
		"blockdev_setinfo":               nothing(nil),
		"blockdev_find":                  blockdevFind,
		"blockdev_rename":                blockdevRename,
		"blockdev_addchildren":           addChildren,
		"blockdev_removechildren":        removeChildren,
		"blockdev_getmirrorstatus":       mirrorStatus,
		"blockdev_getmirrorstatus_multi": mirrorStatusMulti,
		"blockdev_getdimensions":         dimensions,
		"blockdev_pause_resume_sync":     pauseSync,
		"drbd_disconnect_net":            drbdDisconnect,
		"drbd_attach_net":                drbdAttach,
		"drbd_wait_sync":                 drbdWaitSync,
		"drbd_needs_activation":          drbdNeedsActivation,
	}
}

// nothing answers a call that changes nothing that matters here.
func nothing(result interface{}) func(*node, *arguments) (interface{}, error) {
	return func(*node, *arguments) (interface{}, error) { return result, nil }
}

func version(n *node, _ *arguments) (interface{}, error) { return n.fleet.opts.Version, nil }

func masterNodeName(n *node, _ *arguments) (interface{}, error) { return n.master, nil }

// writeSsconf tells a node who is master and which nodes are marked offline. It
// takes the lines of each file.
func writeSsconf(n *node, a *arguments) (interface{}, error) {
	var files map[string][]string
	a.get(0, &files)
	if lines := files["master_node"]; len(lines) == 1 {
		n.master = lines[0]
	}
	if lines, ok := files["offline_nodes"]; ok {
		n.fleet.offline = make(map[string]bool)
		for _, name := range lines {
			n.fleet.offline[name] = true
		}
	}
	return nil, nil
}

// nodeInfo takes storage units [type, key, params] and hypervisors [name, params].
func nodeInfo(n *node, a *arguments) (interface{}, error) {
	var units, hypervisors [][]json.RawMessage
	a.get(0, &units)
	a.get(1, &hypervisors)
	storage := []interface{}{}
	for _, u := range units {
		info, err := n.unit(u)
		if err != nil {
			return nil, err
		}
		storage = append(storage, info)
	}
	info := []interface{}{}
	for range hypervisors {
		info = append(info, n.hypervisorInfo())
	}
	return []interface{}{n.bootID(), storage, info}, nil
}

// hypervisorInfo is what a hypervisor tells of the node.
func (n *node) hypervisorInfo() map[string]interface{} {
	cpus := n.spec.CPUs
	if cpus == 0 {
		cpus = 64
	}
	return map[string]interface{}{
		"memory_total": n.spec.Memory, "memory_free": n.freeMemory(), "memory_dom0": 0, "memory_hv": 0,
		"cpu_total": cpus, "cpu_nodes": 1, "cpu_sockets": 1, "cpu_dom0": 1,
	}
}

// unit tells how large a storage unit is and how much of it is free: in MiB, or for
// lvm-pv in physical volumes, which are counted with exclusive storage alone
// (_GetVgInfo and _GetVgSpindlesInfo in lib/backend.py).
func (n *node) unit(u []json.RawMessage) (interface{}, error) {
	var kind, key string
	if len(u) < 2 || json.Unmarshal(u[0], &kind) != nil || json.Unmarshal(u[1], &key) != nil {
		return nil, callError(fmt.Sprintf("unknown storage unit %s", u))
	}
	var params []bool
	if len(u) > 2 {
		_ = json.Unmarshal(u[2], &params) // those of other types are no truth values
	}
	exclusive := len(params) > 0 && params[0]
	info := map[string]interface{}{"type": kind, "name": key, "storage_free": nil, "storage_size": nil}
	g := n.groups[key]
	switch {
	case kind == "file":
		info["storage_free"], info["storage_size"] = n.freeFile(), n.fileStorage()
	case kind == "lvm-pv" && (g == nil || !exclusive):
		info["storage_free"], info["storage_size"] = 0, 0
	case kind == "lvm-pv":
		info["storage_free"], info["storage_size"] = n.freePhysical(key), g.count()
	case kind == "lvm-vg" && g != nil && exclusive:
		info["storage_free"], info["storage_size"] = n.freePhysical(key)*g.physicalSize(), g.size
	case kind == "lvm-vg" && g != nil:
		info["storage_free"], info["storage_size"] = n.freeGroup(key), g.size
	}
	return info, nil
}

// cryptoTokens answers a request for the digest of the node's certificate, which is
// made up. It takes a list of [type, action, options].
func cryptoTokens(n *node, a *arguments) (interface{}, error) {
	var requests [][]json.RawMessage
	a.get(0, &requests)
	list := []interface{}{}
	for _, r := range requests {
		if len(r) > 0 {
			list = append(list, []interface{}{r[0], "digest of " + n.spec.Name})
		}
	}
	return list, nil
}

// powercycle reboots the node, after it has answered.
func powercycle(n *node, a *arguments) (interface{}, error) {
	f := n.fleet
	a.answered = func() {
		// The server of the node ends with its requests, and this is one.
		go func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.powerOff(n)
			// It cannot listen only if the fleet is being closed.
			_ = f.powerOn(n)
		}()
	}
	return "Reboot scheduled in 5 seconds", nil
}

func hasAddress(n *node, a *arguments) (interface{}, error) { return a.text(0) == n.spec.Address, nil }
