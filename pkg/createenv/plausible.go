package createenv

import (
	"fmt"
	"regexp"
	"sync"

	biconfig "github.com/cloudfoundry/bosh-cli/v7/config"
)

// Other runs than this one write the state and the journal, the pipeline's too. What is
// sent to the CPI or makes the name of a file is taken from them only if it looks like
// what the CPI and bosh-cli make: "i-0123456789abcdef0", "ami-0123456789abcdef0 light",
// "5a1f4b9e-2f0c-4a53-6b1c-1d2e3f4a5b6c".
var (
	plainCID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]{0,63}( light)?$`) })
	plainID  = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`) })
)

// suspect is the error of a document that says what nobody here has written.
func suspect(document, what, value string) error {
	return fmt.Errorf("%w: %s has a %s %.60q, which no run has written; nothing was changed: find out who may write the state, and restore its last whole version",
		ErrState, document, what, value)
}

// plausible wants the ids of a state to look like ids.
func plausible(s biconfig.DeploymentState) error {
	ids := []string{s.DirectorID, s.InstallationID, s.CurrentStemcellID, s.CurrentDiskID}
	ids = append(ids, s.CurrentReleaseIDs...)
	cids := []string{s.CurrentVMCID}
	for _, d := range s.Disks {
		ids, cids = append(ids, d.ID), append(cids, d.CID)
	}
	for _, c := range s.Stemcells {
		ids, cids = append(ids, c.ID), append(cids, c.CID)
	}
	for _, r := range s.Releases {
		ids = append(ids, r.ID)
	}
	for _, id := range ids {
		if id != "" && !plainID().MatchString(id) {
			return suspect(StateDocument, "id", id)
		}
	}
	for _, cid := range cids {
		if cid != "" && !plainCID().MatchString(cid) {
			return suspect(StateDocument, "cid", cid)
		}
	}
	return nil
}

// plausible wants the ids and names of files of a journal to look like ones.
func (j journal) plausible() error {
	for _, list := range [][]call{j.Calls, j.Lost} {
		for _, c := range list {
			if c.Call != "" && !plainID().MatchString(c.Call) {
				return suspect(JournalDocument, "call_file", c.Call)
			}
			if c.CID != "" && !plainCID().MatchString(c.CID) {
				return suspect(JournalDocument, "cid", c.CID)
			}
			for _, cid := range c.CIDs {
				if cid != "" && c.Outcome != refused && deletes(c.Method) && !plainCID().MatchString(cid) {
					return suspect(JournalDocument, "cid", cid)
				}
			}
		}
	}
	return nil
}
