package createenv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	bicloud "github.com/cloudfoundry/bosh-cli/v7/cloud"
	biconfig "github.com/cloudfoundry/bosh-cli/v7/config"
	boshuuid "github.com/cloudfoundry/bosh-utils/uuid"

	"github.com/perpetual-ci/perpetual/pkg/crash"
	"github.com/perpetual-ci/perpetual/pkg/createenv/workspace"
)

// lookAgain is the wait between two looks whether a CPI that a killed run has
// left behind is still at work.
const lookAgain = 200 * time.Millisecond

// finding is what the journal of the last run says beyond the state.
type finding struct {
	doubted []call   // deletions of which nothing came back
	changed bool     // whether the state was not what the journal says
	said    []string // what was put right, for people
}

// settleCalls finds the answers of calls that the last run did not live to hear,
// and says whether there were any. It waits while a CPI is still at work, until
// ctx is done.
func settleCalls(ctx context.Context, j *journal, w workspace.Workspace, notify func(string)) (changed bool, err error) {
	for i := range j.Calls {
		c := &j.Calls[i]
		if c.Outcome != intended {
			continue
		}
		name := filepath.Join(w.Calls(), c.Call)
		if j.Workspace == w.ID {
			if err := waitForCPI(ctx, name, c.Method, notify); err != nil {
				return changed, err
			}
		}
		changed = true
		switch answer, err := os.ReadFile(name + workspace.AnswerSuffix); {
		case j.Workspace != w.ID:
			c.Outcome = lost
		case err == nil && len(answer) > 0:
			c.settle(answer)
		case exists(name + workspace.SentSuffix):
			c.Outcome = lost
		default:
			c.Outcome = refused // it was never sent
			c.Error = "not sent"
		}
		if c.Outcome == lost && creates(c.Method) {
			j.Lost = append(j.Lost, *c)
			notify(fmt.Sprintf("a run was killed on %s while the CPI made something, and the answer is lost: look for %s and delete it", j.Host, c))
		}
	}
	return changed, nil
}

// waitForCPI returns when no CPI writes to the answer's file any more.
func waitForCPI(ctx context.Context, name, method string, notify func(string)) error {
	for told := false; workspace.Running(name + workspace.AnswerSuffix); told = true {
		if !told {
			notify(fmt.Sprintf("the CPI of the run before is still at work on %s: waiting for it", method))
		}
		select {
		case <-ctx.Done():
			return stopped(ctx)
		case <-time.After(crash.Scale(lookAgain)):
		}
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// reconcile makes the state agree with what the CPI has answered: what was made
// and not recorded goes in, what was deleted goes out.
func reconcile(j journal, s *biconfig.DeploymentState, uuids boshuuid.Generator) (finding, error) {
	var f finding
	made, order := map[string]call{}, []string{}
	for _, c := range j.Calls {
		switch {
		case creates(c.Method) && c.Outcome == answered:
			made[c.CID] = c
			order = append(order, c.CID)
		case deletes(c.Method) && (c.Outcome == answered || c.Outcome == refused && strings.HasSuffix(c.Error, "NotFound")):
			delete(made, first(c.CIDs))
			f.forget(s, kind(c.Method), first(c.CIDs))
		case deletes(c.Method) && c.Outcome == lost:
			f.doubted = append(f.doubted, c)
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
func (f *finding) record(s *biconfig.DeploymentState, c call, uuids boshuuid.Generator) error {
	id, err := uuids.Generate()
	if err != nil {
		return fmt.Errorf("generate an id: %w", err)
	}
	switch kind(c.Method) {
	case "vm":
		if s.CurrentVMCID == c.CID {
			return nil
		}
		s.CurrentVMCID = c.CID
	case "disk":
		if slices.ContainsFunc(s.Disks, func(d biconfig.DiskRecord) bool { return d.CID == c.CID }) {
			return nil
		}
		// Never the current one: it holds nothing yet, and is deleted as unused.
		s.Disks = append(s.Disks, biconfig.DiskRecord{ID: id, CID: c.CID, Size: c.Size})
	case "stemcell":
		if slices.ContainsFunc(s.Stemcells, func(r biconfig.StemcellRecord) bool { return r.CID == c.CID }) {
			return nil
		}
		r := biconfig.StemcellRecord{ID: id, CID: c.CID, Name: "unknown", Version: c.CID}
		if c.Stemcell != nil {
			r.Name, r.Version, r.ApiVersion = c.Stemcell.Name, c.Stemcell.Version, c.Stemcell.APIVersion
		}
		s.Stemcells = append(s.Stemcells, r)
	}
	f.changed = true
	f.said = append(f.said, fmt.Sprintf("%s %s, made by a run that did not live to record it, is now in the state", kind(c.Method), c.CID))
	return nil
}

// forget takes what is deleted out of the state, if it is in it.
func (f *finding) forget(s *biconfig.DeploymentState, kind, cid string) {
	before := len(s.Disks) + len(s.Stemcells)
	switch kind {
	case "vm":
		if s.CurrentVMCID == cid && cid != "" {
			s.CurrentVMCID, f.changed = "", true
		}
	case "disk":
		s.Disks = slices.DeleteFunc(s.Disks, func(d biconfig.DiskRecord) bool {
			if d.CID == cid && d.ID == s.CurrentDiskID {
				s.CurrentDiskID = ""
			}
			return d.CID == cid
		})
	case "stemcell":
		s.Stemcells = slices.DeleteFunc(s.Stemcells, func(r biconfig.StemcellRecord) bool {
			if r.CID == cid && r.ID == s.CurrentStemcellID {
				s.CurrentStemcellID = ""
			}
			return r.CID == cid
		})
	}
	if len(s.Disks)+len(s.Stemcells) != before {
		f.changed = true
	}
}

// repeatDeletions asks again for deletions of which it is unknown whether they took
// place: bosh-cli would otherwise give a disk or a stemcell that is gone to the
// next VM. VMs it asks for itself.
func repeatDeletions(doubted []call, cloud bicloud.Cloud, l *ledger) error {
	for _, c := range doubted {
		var err error
		switch kind(c.Method) {
		case "disk":
			err = cloud.DeleteDisk(first(c.CIDs))
		case "stemcell":
			err = cloud.DeleteStemcell(first(c.CIDs))
		default:
			continue
		}
		var refusal bicloud.Error
		if errors.As(err, &refusal) && strings.HasSuffix(refusal.Type(), "NotFound") {
			err = nil
		}
		if err != nil {
			return err
		}
		s, err := l.Load()
		if err != nil {
			return err
		}
		var f finding
		f.forget(&s, kind(c.Method), first(c.CIDs))
		if err := l.Save(s); err != nil {
			return err
		}
	}
	return nil
}
