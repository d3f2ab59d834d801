package luxi

import (
	"encoding/json"
	"fmt"
)

// resultOf returns the result of an opcode that succeeded.
func (o JobOp) resultOf(id string) (json.RawMessage, error) {
	switch {
	case o.ID != id:
		return nil, fmt.Errorf("luxi: a result of %s, not of %s", o.ID, id)
	case o.Status != JobSuccess:
		return nil, fmt.Errorf("luxi: %s has no result: its status is %s", id, o.Status)
	}
	return o.Result.Raw, nil
}

// badResult wraps an error of a result that is not what Ganeti promises.
func badResult(id string, err error) error { return fmt.Errorf("luxi: result of %s: %w", id, err) }

// storageFields are what NodeQueryStorage asks for (VALID_STORAGE_FIELDS in
// lib/constants.py), in the order in which Storage reads it.
var storageFields = []string{"node", "name", "size", "free"}

// StorageUnit is a volume group, a physical volume or a directory of a node.
type StorageUnit struct {
	Node string // Node is the name of the node.
	Name string // Name is that of the volume group, or a path.
	Size int64  // Size is in MiB.
	Free int64  // Free is in MiB.
}

// Storage reads the result of a NodeQueryStorage that succeeded. Nodes that did not
// answer are missing from it, as are units whose size or free space is not known.
func (o JobOp) Storage() ([]StorageUnit, error) {
	raw, err := o.resultOf(OpNodeQueryStorage)
	if err != nil {
		return nil, err
	}
	rows, err := elements(nil, raw)
	if err != nil {
		return nil, badResult(o.ID, err)
	}
	var units []StorageUnit
	for _, raw := range rows {
		var u StorageUnit
		if scanList(raw, &u.Node, &u.Name, &u.Size, &u.Free) == nil {
			units = append(units, u)
		}
	}
	return units, nil
}

// scanList decodes a list that has exactly the given elements; nil skips one.
func scanList(raw json.RawMessage, dst ...any) error {
	parts, err := elements(nil, raw)
	if err != nil {
		return err
	}
	if len(parts) != len(dst) {
		return fmt.Errorf("list of %d elements instead of %d", len(parts), len(dst))
	}
	for i, d := range dst {
		if d == nil {
			continue
		}
		if err := decode(parts[i], d); err != nil {
			return fmt.Errorf("element %d: %w", i, err)
		}
	}
	return nil
}

// osFields are what OsDiagnose asks for, in the order in which OSes reads it.
var osFields = []string{"name", "variants", "node_status", "hidden", "blacklisted", "valid"}

// OS is an operating system that instances can be installed with.
type OS struct {
	Name string // Name is without a variant.
	// Nodes has an entry for each node that answered, by UUID.
	Nodes map[string]NodeOS
	// Hidden and Blacklisted are set in the parameters of the cluster. Neither keeps
	// an instance that has it from being reinstalled.
	Hidden, Blacklisted bool
}

// NodeOS is an operating system on one node.
type NodeOS struct {
	// Valid is true if the node has it in a form that can be used.
	Valid bool
	// Variants are those that it supports there; an operating system without
	// variants has none.
	Variants []string
}

// OSes reads the result of an OsDiagnose that succeeded, by the name of the
// operating system. One that no node has is missing. A node that is missing from
// OS.Nodes did not answer, or was not asked, and may have it.
func (o JobOp) OSes() (map[string]OS, error) {
	raw, err := o.resultOf(OpOsDiagnose)
	if err != nil {
		return nil, err
	}
	rows, err := elements(nil, raw)
	if err != nil {
		return nil, badResult(o.ID, err)
	}
	list := make(map[string]OS, len(rows))
	for _, raw := range rows {
		var os OS
		var nodes map[string]json.RawMessage
		if scanList(raw, &os.Name, nil, &nodes, &os.Hidden, &os.Blacklisted, nil) != nil {
			continue
		}
		os.Nodes = make(map[string]NodeOS, len(nodes))
		for uuid, raw := range nodes {
			if at, ok := parseNodeOS(raw); ok {
				os.Nodes[uuid] = at
			}
		}
		list[os.Name] = os
	}
	return list, nil
}

// parseNodeOS decodes the places where a node has an operating system, of which the
// first one counts: [path, valid, diagnosis, variants, parameters, api versions,
// trusted] (_DiagnoseByOS in lib/cmdlib/operating_system.py). A node that has it
// nowhere has an empty list.
func parseNodeOS(raw json.RawMessage) (NodeOS, bool) {
	places, err := elements(nil, raw)
	if err != nil {
		return NodeOS{}, false
	}
	if len(places) == 0 {
		return NodeOS{}, true
	}
	parts, err := elements(nil, places[0])
	if err != nil || len(parts) < 4 {
		return NodeOS{}, false
	}
	var at NodeOS
	if decode(parts[1], &at.Valid) != nil {
		return NodeOS{}, false
	}
	if at.Valid && decode(parts[3], &at.Variants) != nil {
		return NodeOS{}, false
	}
	return at, true
}

// OobRow is how an OobCommand went for one node.
type OobRow struct {
	Node string // Node is the name of the node.
	// Status is StatusNormal if the program succeeded, StatusNoData if it failed,
	// could not be run or gave an answer that Ganeti does not take, and
	// StatusUnavailable if the node has no such program.
	Status FieldStatus
	// Payload is what the program answered: null for the actions that change
	// something.
	Payload json.RawMessage
}

// Powered returns whether the node has power, as OobPowerStatus found out, and
// whether it found out.
func (r OobRow) Powered() (powered, known bool) {
	m, err := object(r.Payload) // there is none unless the program succeeded
	if err != nil || decode(m["powered"], &powered) != nil {
		return false, false
	}
	return powered, true
}

// OobRows reads the result of an OobCommand that succeeded, which does not mean that
// the program did.
func (o JobOp) OobRows() ([]OobRow, error) {
	raw, err := o.resultOf(OpOobCommand)
	if err != nil {
		return nil, err
	}
	rows, err := elements(nil, raw)
	if err != nil {
		return nil, badResult(o.ID, err)
	}
	list := make([]OobRow, len(rows))
	for i, raw := range rows {
		var node, answer json.RawMessage
		if err := scanList(raw, &node, &answer); err != nil {
			return nil, badResult(o.ID, err)
		}
		r := &list[i]
		name, err := parseCell(node)
		if err == nil {
			err = scanCell(name, &r.Node)
		}
		if err != nil {
			return nil, badResult(o.ID, fmt.Errorf("node: %w", err))
		}
		cell, err := parseCell(answer)
		if err != nil {
			return nil, badResult(o.ID, fmt.Errorf("node %s: %w", r.Node, err))
		}
		r.Status, r.Payload = cell.Status, cell.Value
	}
	return list, nil
}

// LostVolume is a logical volume that its node does not have.
type LostVolume struct {
	NodeUUID string // NodeUUID is the node that should have it.
	Volume   string // Volume is the volume group and the name, with "/" between them.
}

// VerifiedDisks is the result of a GroupVerifyDisks. It is about those instances
// whose disks are marked as active.
type VerifiedDisks struct {
	// NodeErrors are the nodes that could not be asked, by UUID, with the reason.
	// Their volumes are in Lost as well.
	NodeErrors map[string]string
	// Inactive are the names of instances whose disks have to be activated: a volume
	// is not active, or a drbd device is missing, stand-alone or diskless.
	Inactive []string
	// Lost are the volumes that nodes do not have, by the name of the instance.
	Lost map[string][]LostVolume
}

// VerifiedDisks reads the result of a GroupVerifyDisks that succeeded
// (LUGroupVerifyDisks in lib/cmdlib/group.py).
func (o JobOp) VerifiedDisks() (VerifiedDisks, error) {
	var v VerifiedDisks
	raw, err := o.resultOf(OpGroupVerifyDisks)
	if err != nil {
		return v, err
	}
	var lost map[string][][2]string
	if err := scanList(raw, &v.NodeErrors, &v.Inactive, &lost); err != nil {
		return VerifiedDisks{}, badResult(o.ID, err)
	}
	v.Lost = make(map[string][]LostVolume, len(lost))
	for name, volumes := range lost {
		for _, pair := range volumes {
			v.Lost[name] = append(v.Lost[name], LostVolume{NodeUUID: pair[0], Volume: pair[1]})
		}
	}
	return v, nil
}
