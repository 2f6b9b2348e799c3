package ledger

import (
	"fmt"
	"regexp"
	"strings"
	"sync"

	biconfig "github.com/cloudfoundry/bosh-cli/v7/config"
)

// Other runs than this one write the state and the journal, the pipeline's too. What is
// sent to the CPI or makes the name of a file is taken from them only if it looks like
// what the CPI and bosh-cli make: "i-0123456789abcdef0", "ami-0123456789abcdef0 light",
// "5a1f4b9e-2f0c-4a53-6b1c-1d2e3f4a5b6c". In a cid capitals are refused: a cloud that
// takes them for small letters finds a thing that it did not find when asked whose it is.
var (
	plainCID = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`) })
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
	things := []Thing{{VM, s.CurrentVMCID}}
	for _, d := range s.Disks {
		ids, things = append(ids, d.ID), append(things, Thing{Disk, d.CID})
	}
	for _, c := range s.Stemcells {
		ids, things = append(ids, c.ID), append(things, Thing{Stemcell, c.CID})
	}
	for _, r := range s.Releases {
		ids = append(ids, r.ID)
	}
	for _, id := range ids {
		if id != "" && !plainID().MatchString(id) {
			return suspect(StateDocument, "id", id)
		}
	}
	for _, t := range things {
		if !t.plausible() {
			return suspect(StateDocument, "cid", t.CID)
		}
	}
	return nil
}

// plausible says whether a cid looks like one, or is none. Only stemcells are light.
func (t Thing) plausible() bool {
	cid := t.CID
	if t.Kind == Stemcell {
		cid = strings.TrimSuffix(cid, LightSuffix)
	}
	return t.CID == "" || plainCID().MatchString(cid)
}

// plausible wants the ids and names of files of a journal to look like ones.
func (j Journal) plausible() error {
	for _, list := range [][]Call{j.Calls, j.Lost} {
		for _, c := range list {
			if c.Call != "" && !plainID().MatchString(c.Call) {
				return suspect(JournalDocument, "call_file", c.Call)
			}
			of := c.kind()
			if !(Thing{of, c.CID}).plausible() {
				return suspect(JournalDocument, "cid", c.CID)
			}
			for _, cid := range c.CIDs {
				if c.Outcome != Refused && c.deletes() && !(Thing{of, cid}).plausible() {
					return suspect(JournalDocument, "cid", cid)
				}
			}
		}
	}
	return nil
}
