package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	biconfig "github.com/cloudfoundry/bosh-cli/v7/config"
	boshuuid "github.com/cloudfoundry/bosh-utils/uuid"
)

// Kind is what a Thing is.
type Kind string

// The kinds of things.
const (
	VM       Kind = "vm"
	Disk     Kind = "disk"
	Stemcell Kind = "stemcell"
)

// Thing is something in the cloud that the documents name, and that a run would
// therefore use, change or delete.
type Thing struct {
	Kind Kind
	CID  string // "vol-0123456789abcdef0"
}

// LightSuffix ends the CID of a light stemcell: an image that somebody has made public.
// The CPI never deletes one, and a VM is made from one only if the stemcell names it.
const LightSuffix = " light"

// Things lists what the documents name, for those who want to know whose it is before a
// run begins. Light stemcells are not among them. It fails with ErrState.
func Things(ctx context.Context, d Documents) ([]Thing, error) {
	var st biconfig.DeploymentState
	body, err := d.Get(ctx, StateDocument)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", StateDocument, err)
	}
	if body != nil {
		if st, err = decodeState(body); err != nil {
			return nil, err
		}
	}
	j, err := readJournal(ctx, d)
	if err != nil {
		return nil, err
	}
	for i, c := range j.Calls {
		if c.Outcome == Intended && c.deletes() {
			j.Calls[i].Outcome = Lost // it may turn out to be
		}
	}
	f, err := Reconcile(j, &st, boshuuid.NewGenerator())
	return ThingsOf(st, f.Doubted), err
}

// ThingsOf lists what a state names, and what is to be deleted once more.
func ThingsOf(st biconfig.DeploymentState, doubted []Thing) (list []Thing) {
	add := func(kind Kind, cid string) {
		thing := Thing{kind, cid}
		light := kind == Stemcell && strings.HasSuffix(cid, LightSuffix)
		if cid != "" && !light && !slices.Contains(list, thing) {
			list = append(list, thing)
		}
	}
	add(VM, st.CurrentVMCID)
	for _, d := range st.Disks {
		add(Disk, d.CID)
	}
	for _, s := range st.Stemcells {
		add(Stemcell, s.CID)
	}
	for _, d := range doubted {
		if d.Kind != VM { // bosh-cli asks for the VM of the state only
			add(d.Kind, d.CID)
		}
	}
	return list
}
