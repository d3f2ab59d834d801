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
		"node_verify":                nothing(map[string]interface{}{}),
		"node_ensure_daemon":         nothing(nil),
		"node_crypto_tokens":         nothing([]interface{}{}),
		"hooks_runner":               nothing([]interface{}{}),
		"bridges_exist":              nothing(nil),
		"hypervisor_validate_params": nothing(nil),
		"write_ssconf_files":         writeSsconf,
		"upload_file_single":         nothing(nil),
		"jobqueue_update":            nothing(nil),
		"jobqueue_rename":            nothing(nil),
		"set_watcher_pause":          nothing(nil),
		"test_delay":                 nothing(nil),
		"drbd_helper":                nothing("/bin/true"),
		"storage_list":               storageList,
		"vg_list":                    volumeGroups,
		"lv_list":                    logicalVolumes,
		"file_storage_dir_create":    nothing(nil),
		"file_storage_dir_remove":    nothing(nil),
		"os_validate":                nothing(true),
		"os_diagnose":                osDiagnose,

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
		"accept_instance":                 nothing(nil),
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
		"blockdev_getmirrorstatus":       mirrorStatus,
		"blockdev_getmirrorstatus_multi": mirrorStatusMulti,
		"blockdev_getdimensions":         dimensions,
		"blockdev_pause_resume_sync":     pauseSync,
		"drbd_disconnect_net":            drbdDisconnect,
		"drbd_attach_net":                drbdAttach,
		"drbd_wait_sync":                 drbdWaitSync,
		"drbd_needs_activation":          nothing([]interface{}{}),
	}
}

// nothing answers a call that changes nothing that matters here.
func nothing(result interface{}) func(*node, *arguments) (interface{}, error) {
	return func(*node, *arguments) (interface{}, error) { return result, nil }
}

func version(n *node, _ *arguments) (interface{}, error) { return n.fleet.opts.Version, nil }

func masterNodeName(n *node, _ *arguments) (interface{}, error) { return n.master, nil }

// writeSsconf is how a node learns who is master. It takes the lines of each file.
func writeSsconf(n *node, a *arguments) (interface{}, error) {
	var files map[string][]string
	a.get(0, &files)
	if lines := files["master_node"]; len(lines) == 1 {
		n.master = lines[0]
	}
	return nil, nil
}

// nodeInfo takes storage units [type, key, ...] and hypervisors [name, params].
func nodeInfo(n *node, a *arguments) (interface{}, error) {
	var units, hypervisors [][]json.RawMessage
	a.get(0, &units)
	a.get(1, &hypervisors)
	storage := []interface{}{}
	for _, u := range units {
		var kind, key string
		if len(u) < 2 || json.Unmarshal(u[0], &kind) != nil || json.Unmarshal(u[1], &key) != nil {
			return nil, callError(fmt.Sprintf("unknown storage unit %s", u))
		}
		pool := kind
		if pool == "lvm-pv" {
			pool = "lvm-vg"
		}
		storage = append(storage, map[string]interface{}{
			"type": kind, "name": key, "storage_free": n.freeStorage(pool), "storage_size": n.storage(pool),
		})
	}
	info := []interface{}{}
	for range hypervisors {
		info = append(info, map[string]interface{}{
			"memory_total": n.spec.Memory, "memory_free": n.freeMemory(), "memory_dom0": 0, "memory_hv": 0,
			"cpu_total": 64, "cpu_nodes": 1, "cpu_sockets": 1, "cpu_dom0": 1,
		})
	}
	return []interface{}{"boot-" + n.spec.Name, storage, info}, nil
}

func volumeGroups(n *node, _ *arguments) (interface{}, error) {
	return map[string]float64{VolumeGroup: float64(n.spec.Storage)}, nil
}

// VolumeGroup is the volume group of all nodes.
const VolumeGroup = "xenvg"

// storageList takes a storage type, the directories of file storage, the name of
// the only unit to list, or null, and the fields of the rows.
func storageList(n *node, a *arguments) (interface{}, error) {
	kind := a.text(0)
	var args [][]string
	var name *string
	var fields []string
	a.get(1, &args)
	a.get(2, &name)
	a.get(3, &fields)
	var units []string
	switch kind {
	case "lvm-vg":
		units = []string{VolumeGroup}
		if name != nil && *name != VolumeGroup {
			return nil, callError(fmt.Sprintf("Failed to run 'vgs', command output: Volume group %q not found", *name))
		}
	case "file":
		if len(args) == 1 {
			units = args[0]
		}
		if name != nil {
			units = []string{*name}
		}
	default:
		return nil, callError("nodesim does not list storage of type " + kind)
	}
	rows := []interface{}{}
	for _, unit := range units {
		size, free := n.storage(kind), n.freeStorage(kind)
		values := map[string]interface{}{"name": unit, "size": size, "used": size - free, "free": free, "allocatable": true}
		row := []interface{}{}
		for _, field := range fields {
			row = append(row, values[field])
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func logicalVolumes(n *node, _ *arguments) (interface{}, error) {
	list := make(map[string]interface{})
	for key, v := range n.volumes {
		if storageKind(key) == "lvm-vg" {
			_, runs := n.running[v.owner]
			list[key[len("lvm:"):]] = []interface{}{fmt.Sprintf("%d.00", v.size), !runs, runs}
		}
	}
	return list, nil
}

func osDiagnose(*node, *arguments) (interface{}, error) {
	system := []interface{}{"noop", "/srv/ganeti/os/noop", true, "", []string{}, []string{}, []int{20}, true}
	return []interface{}{system}, nil
}
