package luxi

// The OP_IDs of opcodes, as they stand in jobs (OP_ID in lib/opcodes.py).
const (
	OpClusterVerifyGroup = "OP_CLUSTER_VERIFY_GROUP"

	OpGroupAssignNodes = "OP_GROUP_ASSIGN_NODES"
	OpGroupEvacuate    = "OP_GROUP_EVACUATE"
	OpGroupVerifyDisks = "OP_GROUP_VERIFY_DISKS"

	OpInstanceActivateDisks   = "OP_INSTANCE_ACTIVATE_DISKS"
	OpInstanceChangeGroup     = "OP_INSTANCE_CHANGE_GROUP"
	OpInstanceCreate          = "OP_INSTANCE_CREATE"
	OpInstanceDeactivateDisks = "OP_INSTANCE_DEACTIVATE_DISKS"
	OpInstanceFailover        = "OP_INSTANCE_FAILOVER"
	OpInstanceGrowDisk        = "OP_INSTANCE_GROW_DISK"
	OpInstanceMigrate         = "OP_INSTANCE_MIGRATE"
	OpInstanceMove            = "OP_INSTANCE_MOVE"
	OpInstanceMultiAlloc      = "OP_INSTANCE_MULTI_ALLOC"
	OpInstanceQueryData       = "OP_INSTANCE_QUERY_DATA"
	OpInstanceReboot          = "OP_INSTANCE_REBOOT"
	OpInstanceRecreateDisks   = "OP_INSTANCE_RECREATE_DISKS"
	OpInstanceReinstall       = "OP_INSTANCE_REINSTALL"
	OpInstanceRemove          = "OP_INSTANCE_REMOVE"
	OpInstanceRename          = "OP_INSTANCE_RENAME"
	OpInstanceReplaceDisks    = "OP_INSTANCE_REPLACE_DISKS"
	OpInstanceSetParams       = "OP_INSTANCE_SET_PARAMS"
	OpInstanceShutdown        = "OP_INSTANCE_SHUTDOWN"
	OpInstanceStartup         = "OP_INSTANCE_STARTUP"

	OpNodeAdd          = "OP_NODE_ADD"
	OpNodeEvacuate     = "OP_NODE_EVACUATE"
	OpNodeMigrate      = "OP_NODE_MIGRATE"
	OpNodePowercycle   = "OP_NODE_POWERCYCLE"
	OpNodeQueryStorage = "OP_NODE_QUERY_STORAGE"
	OpNodeRemove       = "OP_NODE_REMOVE"
	OpNodeSetParams    = "OP_NODE_SET_PARAMS"
	OpOobCommand       = "OP_OOB_COMMAND"

	OpOsDiagnose    = "OP_OS_DIAGNOSE"
	OpTagsDel       = "OP_TAGS_DEL"
	OpTagsSet       = "OP_TAGS_SET"
	OpTestAllocator = "OP_TEST_ALLOCATOR"
	OpTestDelay     = "OP_TEST_DELAY"
)
