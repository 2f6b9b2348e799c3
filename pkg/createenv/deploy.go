package createenv

import (
	"fmt"

	bicloud "github.com/cloudfoundry/bosh-cli/v7/cloud"
	biconfig "github.com/cloudfoundry/bosh-cli/v7/config"
	bidepl "github.com/cloudfoundry/bosh-cli/v7/deployment"
	boshinst "github.com/cloudfoundry/bosh-cli/v7/installation"
	bistemcell "github.com/cloudfoundry/bosh-cli/v7/stemcell"
	biui "github.com/cloudfoundry/bosh-cli/v7/ui"
)

// cpiVersion is the version of the CPI API, and the oldest of stemcells, that
// bosh-cli v7 works with.
const cpiVersion = 2

// deployed says whether the state says that p is what was deployed last. The
// manifest names each release and the stemcell with its digest, so that they need
// not be opened for it.
func deployed(st biconfig.DeploymentState, p parsed) bool {
	return st.CurrentManifestSHA == p.sha && st.CurrentVMCID != "" && st.CurrentStemcellID != "" && len(st.Releases) > 0
}

// validate fetches and opens all releases and the stemcell.
func (s *session) validate(p parsed) (stemcell bistemcell.ExtractedStemcell, err error) {
	err = s.stage.PerformComplex("validating", func(stage biui.Stage) error {
		for _, ref := range p.releases.Releases {
			if _, fetched := s.releases.Find(ref.Name); fetched {
				continue
			}
			if err := s.fetcher.DownloadAndExtract(ref, stage); err != nil {
				return err
			}
		}
		if err := s.installer.ValidateCpiRelease(p.installation, stage); err != nil {
			return err
		}
		err := stage.Perform("Validating deployment manifest", func() error {
			return p.validator.ValidateReleaseJobs(p.deployment, s.releases)
		})
		if err != nil {
			return err
		}
		stemcell, err = s.stemcells.GetStemcell(p.deployment, stage)
		return err
	})
	return stemcell, err
}

// validateCPI fetches and opens the CPI's release only.
func (s *session) validateCPI(p parsed) error {
	return s.stage.PerformComplex("validating", func(stage biui.Stage) error {
		for _, job := range p.installation.Templates {
			ref, found := p.releases.FindByName(job.Release)
			if !found {
				return fmt.Errorf("find release %s of cloud_provider among the releases", job.Release)
			}
			if _, fetched := s.releases.Find(ref.Name); fetched {
				continue
			}
			if err := s.fetcher.DownloadAndExtract(ref, stage); err != nil {
				return err
			}
		}
		return s.installer.ValidateCpiRelease(p.installation, stage)
	})
}

// withCPI installs the CPI, does something with it, and removes its rendered job.
func (s *session) withCPI(p parsed, stemcellVersion int, do func(bicloud.Cloud, boshinst.Installation) error) error {
	return s.installer.WithInstalledCpiRelease(p.installation, s.target, s.stage, func(i boshinst.Installation) error {
		st, err := s.ledger.Load()
		if err != nil {
			return err
		}
		cloud, err := s.clouds.NewCloud(i, st.DirectorID, stemcellVersion)
		if err != nil {
			return err
		}
		if err := repeatDeletions(s.doubted, cloud, s.ledger); err != nil {
			return err
		}
		s.doubted = nil
		return do(cloud, i)
	})
}

// alive asks the CPI whether the VM of the state is still there; if so, it also
// deletes what a run has left that was stopped at its very end.
func (s *session) alive(p parsed, st biconfig.DeploymentState) (there bool, err error) {
	if err := s.validateCPI(p); err != nil {
		return false, err
	}
	err = s.withCPI(p, stemcellVersion(st), func(cloud bicloud.Cloud, _ boshinst.Installation) error {
		if there, err = cloud.HasVM(st.CurrentVMCID); err != nil || !there || s.documents.dry || len(unused(st)) == 0 {
			return err
		}
		if err := s.disksOf.NewManager(cloud).DeleteUnused(s.stage); err != nil {
			return err
		}
		return s.stemcellsOf.NewManager(cloud).DeleteUnused(s.stage)
	})
	return there, err
}

// stemcellVersion is the API version of the VM's stemcell.
func stemcellVersion(st biconfig.DeploymentState) int {
	for _, c := range st.Stemcells {
		if c.ID == st.CurrentStemcellID {
			return c.ApiVersion
		}
	}
	return cpiVersion
}

// deploy creates the VM again, as bosh create-env does when something has changed.
func (s *session) deploy(p parsed, skipDrain bool) error {
	stemcell, err := s.validate(p)
	if err != nil {
		return err
	}
	defer func() { _ = stemcell.Cleanup() }()
	version := max(stemcell.Manifest().ApiVersion, 1)
	return s.withCPI(p, version, func(cloud bicloud.Cloud, _ boshinst.Installation) error {
		info, err := cloud.Info()
		if err != nil {
			return err
		}
		if version < cpiVersion || info.ApiVersion < cpiVersion {
			return fmt.Errorf("use stemcell API version %d with CPI API version %d: both must be %d or later", version, info.ApiVersion, cpiVersion)
		}
		if err := s.forgetForeignImage(stemcell.Manifest()); err != nil {
			return err
		}
		stemcells := s.stemcellsOf.NewManager(cloud)
		uploaded, err := stemcells.Upload(stemcell, s.stage)
		if err != nil {
			return err
		}
		if err := s.replace(p, cloud, uploaded, skipDrain); err != nil {
			return err
		}
		return stemcells.DeleteUnused(s.stage)
	})
}

// replace deletes the VM there is, and makes the one that is wanted.
func (s *session) replace(p parsed, cloud bicloud.Cloud, stemcell bistemcell.CloudStemcell, skipDrain bool) error {
	st, err := s.ledger.Load()
	if err != nil {
		return err
	}
	agent, web, err := s.agentClient(st.DirectorID, p.installation.Mbus, p.installation.Cert.CA)
	if err != nil {
		return err
	}
	blobs, err := s.blobstores.Create(p.installation.Mbus, web)
	if err != nil {
		return err
	}
	var disks []string
	for _, d := range st.Disks {
		disks = append(disks, d.CID)
	}
	return s.stage.PerformComplex("deploying", func(stage biui.Stage) error {
		// From here on the VM is not what the state says, until all is done.
		if err := s.record.Clear(); err != nil {
			return err
		}
		deployer := bidepl.NewDeployer(s.vmsOf, s.instancesOf, s.deployments, s.logger)
		_, err := deployer.Deploy(cloud, p.deployment, stemcell, s.vmsOf.NewManager(cloud, agent), blobs, skipDrain, disks, stage)
		if err != nil {
			return err
		}
		if err := s.remember(p); err != nil { // before the state says that it is of this manifest
			return err
		}
		return s.record.Update(p.sha, s.releases.List())
	})
}

// destroy deletes the VM, the disks and the stemcells, as bosh delete-env does.
func (s *session) destroy(p parsed, skipDrain bool) error {
	st, err := s.ledger.Load()
	if err != nil {
		return err
	}
	if err := s.validateCPI(p); err != nil {
		return err
	}
	return s.withCPI(p, stemcellVersion(st), func(cloud bicloud.Cloud, i boshinst.Installation) error {
		agent, web, err := s.agentClient(st.DirectorID, p.installation.Mbus, p.installation.Cert.CA)
		if err != nil {
			return err
		}
		blobs, err := s.blobstores.Create(p.installation.Mbus, web)
		if err != nil {
			return err
		}
		// What is half deleted must never be taken for deployed.
		if err := s.record.Clear(); err != nil {
			return err
		}
		factory := bidepl.NewManagerFactory(s.vmsOf, s.instancesOf, s.disksOf, s.stemcellsOf, s.deployments)
		manager := factory.NewManager(cloud, agent, blobs)
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
