package createenv

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	biconfig "github.com/cloudfoundry/bosh-cli/v7/config"
	bistemcell "github.com/cloudfoundry/bosh-cli/v7/stemcell"

	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
)

// forgetForeignImage takes the record of a stemcell out of the state when its image is
// none that the stemcell, whose digest the manifest has, names, or, where it names none,
// when the image was not found: whoever writes the state would otherwise choose the image
// of the VM. The CPI then makes it, or says which it is.
func (s *session) forgetForeignImage(m bistemcell.Manifest) error {
	named, err := imagesOf(m)
	if err != nil {
		return err
	}
	st, err := s.state.Load()
	if err != nil {
		return err
	}
	before := len(st.Stemcells)
	st.Stemcells = slices.DeleteFunc(st.Stemcells, func(r biconfig.StemcellRecord) bool {
		why := s.foreign(r, named)
		if r.Name != m.Name || r.Version != m.Version || why == "" {
			return false
		}
		s.notify(fmt.Sprintf("%s says that stemcell %s/%s is image %s, which %s: that image is not used", ledger.StateDocument, m.Name, m.Version, r.CID, why))
		if st.CurrentStemcellID == r.ID {
			st.CurrentStemcellID = ""
		}
		return true
	})
	if len(st.Stemcells) == before {
		return nil
	}
	return s.state.Save(st)
}

// foreign says why the image of a record is not that of a stemcell that names some images
// or none; "" when it may be.
func (s *session) foreign(r biconfig.StemcellRecord, named []string) string {
	image, light := strings.CutSuffix(r.CID, ledger.LightSuffix)
	switch {
	case light && slices.Contains(named, image):
		return ""
	case light || len(named) > 0:
		return "that stemcell does not list"
	case slices.Contains(s.gone, ledger.Thing{Kind: ledger.Stemcell, CID: r.CID}):
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
