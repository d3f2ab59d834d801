package luxitest

// opSpecs holds the opcodes that are simulated; the lists follow hs:OpCodes.hs of Ganeti 3.0.
var opSpecs = map[string][]paramSpec{
	"OP_TAGS_SET": {req("kind", oneOf("cluster", "node", "nodegroup", "instance", "network")), req("tags", texts), opt("name", text)},
	"OP_TAGS_DEL": {req("kind", oneOf("cluster", "node", "nodegroup", "instance", "network")), req("tags", texts), opt("name", text)},
	"OP_TEST_DELAY": {
		req("duration", number), def("on_master", true, boolean), def("on_nodes", []string{}, nonEmptyTexts),
		opt("on_node_uuids", nonEmptyTexts), def("repeat", int64(0), nonNegative), def("interruptible", false, boolean),
		def("no_locks", true, boolean),
	},
	"OP_INSTANCE_FAILOVER": instanceOp(
		def("shutdown_timeout", int64(120), nonNegative), def("ignore_consistency", false, boolean),
		opt("target_node", nonEmptyText), opt("target_node_uuid", nonEmptyText), def("ignore_ipolicy", false, boolean),
		def("cleanup", false, boolean), opt("iallocator", nonEmptyText)),
	"OP_INSTANCE_MIGRATE": instanceOp(
		opt("mode", oneOf("live", "non-live")), opt("live", boolean), opt("target_node", nonEmptyText),
		opt("target_node_uuid", nonEmptyText), def("allow_runtime_changes", true, boolean),
		def("ignore_ipolicy", false, boolean), def("cleanup", false, boolean), opt("iallocator", nonEmptyText),
		def("allow_failover", false, boolean), def("ignore_hvversions", false, boolean)),
	"OP_INSTANCE_REPLACE_DISKS": instanceOp(
		def("early_release", false, boolean), def("ignore_ipolicy", false, boolean),
		req("mode", oneOf("replace_auto", "replace_on_primary", "replace_on_secondary", "replace_new_secondary")),
		def("disks", []int64{}, diskIndices), opt("remote_node", nonEmptyText), opt("remote_node_uuid", nonEmptyText),
		opt("iallocator", nonEmptyText)),
	"OP_INSTANCE_RECREATE_DISKS": instanceOp(
		def("disks", []any{}, recreateDisks), def("nodes", []string{}, nonEmptyTexts), opt("node_uuids", nonEmptyTexts),
		opt("iallocator", nonEmptyText)),
	"OP_INSTANCE_REINSTALL": instanceOp(
		def("force_variant", false, boolean), opt("os_type", nonEmptyText), opt("osparams", object),
		opt("osparams_private", object), opt("osparams_secret", object)),
	"OP_INSTANCE_STARTUP": instanceOp(
		def("force", false, boolean), def("ignore_offline_nodes", false, boolean), def("hvparams", map[string]any{}, object),
		def("beparams", map[string]any{}, object), def("no_remember", false, boolean), def("startup_paused", false, boolean),
		def("shutdown_timeout", int64(120), nonNegative)),
	"OP_INSTANCE_SHUTDOWN": instanceOp(
		def("force", false, boolean), def("ignore_offline_nodes", false, boolean), def("timeout", int64(120), nonNegative),
		def("no_remember", false, boolean), opt("admin_state_source", oneOf("admin", "user"))),
	"OP_INSTANCE_ACTIVATE_DISKS":   instanceOp(def("ignore_size", false, boolean), def("wait_for_sync", false, boolean)),
	"OP_INSTANCE_DEACTIVATE_DISKS": instanceOp(def("force", false, boolean)),
	"OP_INSTANCE_RENAME": instanceOp(
		req("new_name", nonEmptyText), def("name_check", true, boolean), def("ip_check", true, boolean)),
	"OP_INSTANCE_REMOVE": instanceOp(
		def("shutdown_timeout", int64(120), nonNegative), def("ignore_failures", false, boolean)),
	"OP_INSTANCE_SET_PARAMS": instanceOp(
		def("force", false, boolean), def("force_variant", false, boolean), def("ignore_ipolicy", false, boolean),
		opt("offline", boolean)),
	"OP_INSTANCE_QUERY_DATA": {
		def("use_locking", false, boolean), def("instances", []string{}, nonEmptyTexts), def("static", false, boolean),
	},
	"OP_NODE_ADD": nodeOp(
		opt("hv_state", object), opt("disk_state", object), opt("primary_ip", nonEmptyText), opt("secondary_ip", nonEmptyText),
		def("readd", false, boolean), opt("group", nonEmptyText), opt("master_capable", boolean), opt("vm_capable", boolean),
		opt("ndparams", object), def("node_setup", false, boolean)),
	"OP_NODE_REMOVE": nodeOp(opt("node_uuid", nonEmptyText)),
	"OP_NODE_EVACUATE": nodeOp(
		def("early_release", false, boolean), opt("node_uuid", nonEmptyText), opt("remote_node", nonEmptyText),
		opt("remote_node_uuid", nonEmptyText), opt("iallocator", nonEmptyText), req("mode", oneOf(evacPrimary, evacSecondary, evacAll)),
		opt("ignore_soft_errors", boolean)),
	"OP_NODE_MIGRATE": nodeOp(
		opt("node_uuid", nonEmptyText), opt("mode", oneOf("live", "non-live")), opt("live", boolean), opt("target_node", nonEmptyText),
		opt("target_node_uuid", nonEmptyText), def("allow_runtime_changes", true, boolean), def("ignore_ipolicy", false, boolean),
		opt("iallocator", nonEmptyText)),
	"OP_OOB_COMMAND": {
		def("node_names", []string{}, nonEmptyTexts), opt("node_uuids", nonEmptyTexts),
		req("command", oneOf(oobHealth, oobPowerCycle, oobPowerOff, oobPowerOn, oobPowerStatus)), def("timeout", int64(60), integer),
		def("ignore_status", false, boolean), def("power_delay", 2.0, number),
	},
	"OP_GROUP_ASSIGN_NODES": groupOp(def("force", false, boolean), req("nodes", nonEmptyTexts), opt("node_uuids", nonEmptyTexts)),
	"OP_GROUP_EVACUATE": groupOp(
		def("early_release", false, boolean), opt("iallocator", nonEmptyText), opt("target_groups", nonEmptyTexts),
		def("sequential", false, boolean), def("force_failover", false, boolean)),
	"OP_GROUP_VERIFY_DISKS": groupOp(),
	"OP_CLUSTER_VERIFY_GROUP": groupOp(
		def("debug_simulate_errors", false, boolean), def("error_codes", false, boolean), def("skip_checks", []string{}, nonEmptyTexts),
		def("ignore_errors", []string{}, nonEmptyTexts), def("verbose", false, boolean), def("verify_clutter", false, boolean)),
	"OP_OS_DIAGNOSE": {req("output_fields", nonEmptyTexts), def("names", []string{}, nonEmptyTexts)},
	"OP_NODE_QUERY_STORAGE": {
		req("output_fields", nonEmptyTexts), opt("storage_type", oneOf("lvm-vg", "lvm-pv", "file", "sharedfile", "gluster", "blockdev", "diskless", "ext", "rados")),
		def("nodes", []string{}, nonEmptyTexts), opt("name", text),
	},
	"OP_NODE_SET_PARAMS": {
		req("node_name", nonEmptyText), opt("node_uuid", nonEmptyText), def("force", false, boolean),
		opt("master_candidate", boolean), opt("offline", boolean), opt("drained", boolean),
		def("auto_promote", false, boolean), opt("master_capable", boolean), opt("vm_capable", boolean), opt("powered", boolean),
	},
}

func instanceOp(more ...paramSpec) []paramSpec {
	return append([]paramSpec{req("instance_name", text), opt("instance_uuid", nonEmptyText)}, more...)
}

func nodeOp(more ...paramSpec) []paramSpec {
	return append([]paramSpec{req("node_name", nonEmptyText)}, more...)
}

func groupOp(more ...paramSpec) []paramSpec {
	return append([]paramSpec{req("group_name", nonEmptyText)}, more...)
}
