package luxi

// The kinds of storage that can say how much room they have (ST_* in
// lib/constants.py), as far as the disks of plain, drbd and file instances need
// them.
const (
	StorageLVM  = "lvm-vg" // StorageLVM: volume groups
	StorageFile = "file"   // StorageFile: the directory for file storage
)

// NodeQueryStorage asks nodes about their storage of one kind
// (LUNodeQueryStorage in lib/cmdlib/node.py), holding their locks shared. The
// opcode's result has a row of the OutputFields for each volume group, or for the
// directory, of each node; sizes are in MiB. A node that does not answer has none,
// and the opcode succeeds all the same. It fails if no enabled disk template uses
// that kind of storage.
type NodeQueryStorage struct {
	Common
	OutputFields []string `json:"output_fields"` // OutputFields are out of node, type, name, size, used, free, allocatable.
	// StorageType is the kind, by default that of the first enabled disk template.
	StorageType string   `json:"storage_type,omitempty"`
	Nodes       []string `json:"nodes"`          // Nodes are names; none at all means every node.
	Name        string   `json:"name,omitempty"` // Name is that of the only volume group to be shown.
}

// OpID returns OP_NODE_QUERY_STORAGE.
func (*NodeQueryStorage) OpID() string { return OpNodeQueryStorage }
