package createenv

import (
	"fmt"

	biagent "github.com/cloudfoundry/bosh-agent/v2/agentclient"
	biblobstore "github.com/cloudfoundry/bosh-cli/v7/blobstore"
	bicloud "github.com/cloudfoundry/bosh-cli/v7/cloud"
	biconfig "github.com/cloudfoundry/bosh-cli/v7/config"
	bidepl "github.com/cloudfoundry/bosh-cli/v7/deployment"
	boshinst "github.com/cloudfoundry/bosh-cli/v7/installation"
	bistemcell "github.com/cloudfoundry/bosh-cli/v7/stemcell"
	biui "github.com/cloudfoundry/bosh-cli/v7/ui"

	"github.com/perpetual-ci/perpetual/pkg/createenv/agent"
	"github.com/perpetual-ci/perpetual/pkg/createenv/manifest"
)

// cpiVersion is the version of the CPI API, and the oldest of stemcells, that
// bosh-cli v7 works with.
const cpiVersion = 2

// deployed says whether the state says that p is what was deployed last. The
// manifest names each release and the stemcell with its digest, so that they need
// not be opened for it.
func deployed(st biconfig.DeploymentState, p manifest.Manifest) bool {
	return st.CurrentManifestSHA == p.SHA && st.CurrentVMCID != "" && st.CurrentStemcellID != "" && len(st.Releases) > 0
}

// validate fetches and opens all releases and the stemcell.
func (s *session) validate(p manifest.Manifest) (stemcell bistemcell.ExtractedStemcell, err error) {
	err = s.stage.PerformComplex("validating", func(stage biui.Stage) error {
		for _, ref := range p.Releases.Releases {
			if _, fetched := s.releases.Find(ref.Name); fetched {
				continue
			}
			if err := s.fetcher.DownloadAndExtract(ref, stage); err != nil {
				return err
			}
		}
		if err := s.installer.ValidateCpiRelease(p.Installation, stage); err != nil {
			return err
		}
		err := stage.Perform("Validating deployment manifest", func() error {
			return p.Validator.ValidateReleaseJobs(p.Deployment, s.releases)
		})
		if err != nil {
			return err
		}
		stemcell, err = s.stemcells.GetStemcell(p.Deployment, stage)
		return err
	})
	return stemcell, err
}

// validateCPI fetches and opens the CPI's release only.
func (s *session) validateCPI(p manifest.Manifest) error {
	return s.stage.PerformComplex("validating", func(stage biui.Stage) error {
		for _, job := range p.Installation.Templates {
			ref, found := p.Releases.FindByName(job.Release)
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
		return s.installer.ValidateCpiRelease(p.Installation, stage)
	})
}

// withCPI installs the CPI, does something with it, and removes its rendered job.
func (s *session) withCPI(p manifest.Manifest, stemcellVersion int, do func(bicloud.Cloud, boshinst.Installation) error) error {
	return s.installer.WithInstalledCpiRelease(p.Installation, s.target, s.stage, func(i boshinst.Installation) error {
		st, err := s.state.Load()
		if err != nil {
			return err
		}
		cloud, err := s.clouds.NewCloud(i, st.DirectorID, stemcellVersion)
		if err != nil {
			return err
		}
		if err := repeatDeletions(s.doubted, cloud, s.state); err != nil {
			return err
		}
		s.doubted = nil
		return do(cloud, i)
	})
}

// alive asks the CPI whether the VM of the state is still there; if so, it also
// deletes what a run has left that was stopped at its very end.
func (s *session) alive(p manifest.Manifest, st biconfig.DeploymentState) (there bool, err error) {
	if err := s.validateCPI(p); err != nil {
		return false, err
	}
	err = s.withCPI(p, stemcellVersion(st), func(cloud bicloud.Cloud, _ boshinst.Installation) error {
		if there, err = cloud.HasVM(st.CurrentVMCID); err != nil || !there || s.writer.Dry() || len(unused(st)) == 0 {
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
func (s *session) deploy(p manifest.Manifest, skipDrain bool) error {
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
func (s *session) replace(p manifest.Manifest, cloud bicloud.Cloud, stemcell bistemcell.CloudStemcell, skipDrain bool) error {
	st, err := s.state.Load()
	if err != nil {
		return err
	}
	client, blobs, err := s.agent(st, p)
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
		_, err := deployer.Deploy(cloud, p.Deployment, stemcell, s.vmsOf.NewManager(cloud, client), blobs, skipDrain, disks, stage)
		if err != nil {
			return err
		}
		if err := p.Remember(s.writer); err != nil { // before the state says that it is of this manifest
			return err
		}
		return s.record.Update(p.SHA, s.releases.List())
	})
}

// agent is the client of the agent on the VM, and the store of blobs that it serves.
func (s *session) agent(st biconfig.DeploymentState, p manifest.Manifest) (biagent.AgentClient, biblobstore.Blobstore, error) {
	client, web, err := agent.NewClient(s.ctx, st.DirectorID, p.Installation.Mbus, p.Installation.Cert.CA,
		agent.Options{Poll: s.poll, Check: s.check, Logger: s.logger})
	if err != nil {
		return nil, nil, err
	}
	blobs, err := s.blobstores.Create(p.Installation.Mbus, web)
	return client, blobs, err
}
