package createenv

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	biconfig "github.com/cloudfoundry/bosh-cli/v7/config"
	bistemcell "github.com/cloudfoundry/bosh-cli/v7/stemcell"
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

// lightSuffix ends the CID of a light stemcell: an image that somebody has made public.
// The CPI never deletes one, and a VM is made from one only if the stemcell names it.
const lightSuffix = " light"

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
	if body, err = d.Get(ctx, JournalDocument); err != nil {
		return nil, fmt.Errorf("read %s: %w", JournalDocument, err)
	}
	j, err := decodeJournal(body)
	if err != nil {
		return nil, err
	}
	for i, c := range j.Calls {
		if c.Outcome == intended && deletes(c.Method) {
			j.Calls[i].Outcome = lost // it may turn out to be
		}
	}
	f, err := reconcile(j, &st, boshuuid.NewGenerator())
	return thingsOf(st, f.doubted), err
}

// thingsOf lists what a state names, and what is to be deleted once more.
func thingsOf(st biconfig.DeploymentState, doubted []call) (list []Thing) {
	add := func(kind Kind, cid string) {
		thing := Thing{kind, cid}
		light := kind == Stemcell && strings.HasSuffix(cid, lightSuffix)
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
	for _, c := range doubted {
		if kind(c.Method) != "vm" { // bosh-cli asks for the VM of the state only
			add(Kind(kind(c.Method)), first(c.CIDs))
		}
	}
	return list
}

// forgetForeignImage takes the record of a stemcell out of the state when its image is
// none that the stemcell, whose digest the manifest has, names, or, where it names none,
// when the image was not found: whoever writes the state would otherwise choose the image
// of the VM. The CPI then makes it, or says which it is.
func (s *session) forgetForeignImage(m bistemcell.Manifest) error {
	named, err := imagesOf(m)
	if err != nil {
		return err
	}
	st, err := s.ledger.Load()
	if err != nil {
		return err
	}
	before := len(st.Stemcells)
	st.Stemcells = slices.DeleteFunc(st.Stemcells, func(r biconfig.StemcellRecord) bool {
		why := s.foreign(r, named)
		if r.Name != m.Name || r.Version != m.Version || why == "" {
			return false
		}
		s.notify(fmt.Sprintf("%s says that stemcell %s/%s is image %s, which %s: that image is not used", StateDocument, m.Name, m.Version, r.CID, why))
		if st.CurrentStemcellID == r.ID {
			st.CurrentStemcellID = ""
		}
		return true
	})
	if len(st.Stemcells) == before {
		return nil
	}
	return s.ledger.Save(st)
}

// foreign says why the image of a record is not that of a stemcell that names some images
// or none; "" when it may be.
func (s *session) foreign(r biconfig.StemcellRecord, named []string) string {
	image, light := strings.CutSuffix(r.CID, lightSuffix)
	switch {
	case light && slices.Contains(named, image):
		return ""
	case light || len(named) > 0:
		return "that stemcell does not list"
	case slices.Contains(s.gone, Thing{Stemcell, r.CID}):
		return "was not found"
	}
	return ""
}

// imagesOf are the images that a light stemcell names, of all regions.
func imagesOf(m bistemcell.Manifest) (ids []string, err error) {
	text, err := json.Marshal(m.CloudProperties)
	if err != nil {
		return nil, fmt.Errorf("read the images of stemcell %s/%s: %w", m.Name, m.Version, err)
	}
	var properties struct {
		AMI map[string]string `json:"ami"`
	}
	if json.Unmarshal(text, &properties) != nil {
		return nil, nil // of another cloud
	}
	for _, id := range properties.AMI {
		ids = append(ids, id)
	}
	return ids, nil
}
