package ledger

import (
	"fmt"
	"slices"
	"strings"

	biconfig "github.com/cloudfoundry/bosh-cli/v7/config"
	boshuuid "github.com/cloudfoundry/bosh-utils/uuid"
)

// Finding is what the journal of the last run says beyond the state.
type Finding struct {
	Doubted []Thing  // what was to be deleted, and nothing came back
	Changed bool     // whether the state was not what the journal says
	Said    []string // what was put right, for people
}

// Reconcile makes the state agree with what the CPI has answered: what was made
// and not recorded goes in, what was deleted goes out.
func Reconcile(j Journal, s *biconfig.DeploymentState, uuids boshuuid.Generator) (Finding, error) {
	var f Finding
	made, order := map[string]Call{}, []string{}
	for _, c := range j.Calls {
		switch {
		case c.creates() && c.Outcome == Answered:
			made[c.CID] = c
			order = append(order, c.CID)
		case c.deletes() && (c.Outcome == Answered || c.Outcome == Refused && strings.HasSuffix(c.Error, "NotFound")):
			delete(made, first(c.CIDs))
			f.forget(s, c.Deleted())
		case c.deletes() && c.Outcome == Lost:
			f.Doubted = append(f.Doubted, c.Deleted())
		}
	}
	for _, cid := range slices.Compact(order) {
		c, there := made[cid]
		if !there {
			continue
		}
		if err := f.record(s, c, uuids); err != nil {
			return f, err
		}
	}
	return f, nil
}

// record puts what a call has made into the state, if it is not in it.
func (f *Finding) record(s *biconfig.DeploymentState, c Call, uuids boshuuid.Generator) error {
	id, err := uuids.Generate()
	if err != nil {
		return fmt.Errorf("generate an id: %w", err)
	}
	switch c.kind() {
	case VM:
		if s.CurrentVMCID == c.CID {
			return nil
		}
		s.CurrentVMCID = c.CID
	case Disk:
		if slices.ContainsFunc(s.Disks, func(d biconfig.DiskRecord) bool { return d.CID == c.CID }) {
			return nil
		}
		// Never the current one: it holds nothing yet, and is deleted as unused.
		s.Disks = append(s.Disks, biconfig.DiskRecord{ID: id, CID: c.CID, Size: c.Size})
	case Stemcell:
		if slices.ContainsFunc(s.Stemcells, func(r biconfig.StemcellRecord) bool { return r.CID == c.CID }) {
			return nil
		}
		r := biconfig.StemcellRecord{ID: id, CID: c.CID, Name: "unknown", Version: c.CID}
		if c.Stemcell != nil {
			r.Name, r.Version, r.ApiVersion = c.Stemcell.Name, c.Stemcell.Version, c.Stemcell.APIVersion
		}
		s.Stemcells = append(s.Stemcells, r)
	}
	f.Changed = true
	f.Said = append(f.Said, fmt.Sprintf("%s %s, made by a run that did not live to record it, is now in the state", c.kind(), c.CID))
	return nil
}

// forget takes what is deleted out of the state, if it is in it.
func (f *Finding) forget(s *biconfig.DeploymentState, gone Thing) {
	cid := gone.CID
	before := len(s.Disks) + len(s.Stemcells)
	switch gone.Kind {
	case VM:
		if s.CurrentVMCID == cid && cid != "" {
			s.CurrentVMCID, f.Changed = "", true
		}
	case Disk:
		s.Disks = slices.DeleteFunc(s.Disks, func(d biconfig.DiskRecord) bool {
			if d.CID == cid && d.ID == s.CurrentDiskID {
				s.CurrentDiskID = ""
			}
			return d.CID == cid
		})
	case Stemcell:
		s.Stemcells = slices.DeleteFunc(s.Stemcells, func(r biconfig.StemcellRecord) bool {
			if r.CID == cid && r.ID == s.CurrentStemcellID {
				s.CurrentStemcellID = ""
			}
			return r.CID == cid
		})
	}
	if len(s.Disks)+len(s.Stemcells) != before {
		f.Changed = true
	}
}
