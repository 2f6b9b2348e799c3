package createenv

import (
	"errors"
	"strings"

	bicloud "github.com/cloudfoundry/bosh-cli/v7/cloud"
	bidepl "github.com/cloudfoundry/bosh-cli/v7/deployment"
	boshinst "github.com/cloudfoundry/bosh-cli/v7/installation"
	biui "github.com/cloudfoundry/bosh-cli/v7/ui"

	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/createenv/manifest"
)

// destroy deletes the VM, the disks and the stemcells, as bosh delete-env does.
func (s *session) destroy(p manifest.Manifest, skipDrain bool) error {
	st, err := s.state.Load()
	if err != nil {
		return err
	}
	if err := s.validateCPI(p); err != nil {
		return err
	}
	return s.withCPI(p, stemcellVersion(st), func(cloud bicloud.Cloud, i boshinst.Installation) error {
		client, blobs, err := s.agent(st, p)
		if err != nil {
			return err
		}
		// What is half deleted must never be taken for deployed.
		if err := s.record.Clear(); err != nil {
			return err
		}
		factory := bidepl.NewManagerFactory(s.vmsOf, s.instancesOf, s.disksOf, s.stemcellsOf, s.deployments)
		manager := factory.NewManager(cloud, client, blobs)
		err = s.stage.PerformComplex("deleting deployment", func(stage biui.Stage) error {
			current, found, err := manager.FindCurrent()
			if err != nil || !found {
				return err
			}
			return current.Delete(skipDrain, stage)
		})
		if err != nil {
			return err
		}
		if err := manager.Cleanup(s.stage); err != nil {
			return err
		}
		return s.stage.Perform("Uninstalling local artifacts for CPI and deployment", func() error {
			return boshinst.NewUninstaller(s.fs, s.logger).Uninstall(i.Target())
		})
	})
}

// repeatDeletions asks again for deletions of which it is unknown whether they took
// place: bosh-cli would otherwise give a disk or a stemcell that is gone to the
// next VM. VMs it asks for itself.
func repeatDeletions(doubted []ledger.Thing, cloud bicloud.Cloud, st *ledger.State) error {
	for _, thing := range doubted {
		var err error
		switch thing.Kind {
		case ledger.Disk:
			err = cloud.DeleteDisk(thing.CID)
		case ledger.Stemcell:
			err = cloud.DeleteStemcell(thing.CID)
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
		if err := st.Forget(thing); err != nil {
			return err
		}
	}
	return nil
}
