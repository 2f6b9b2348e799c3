package createenv

import (
	"context"
	"errors"
	"time"

	biblobstore "github.com/cloudfoundry/bosh-cli/v7/blobstore"
	bicloud "github.com/cloudfoundry/bosh-cli/v7/cloud"
	biconfig "github.com/cloudfoundry/bosh-cli/v7/config"
	bicpirel "github.com/cloudfoundry/bosh-cli/v7/cpi/release"
	bicrypto "github.com/cloudfoundry/bosh-cli/v7/crypto"
	bidepl "github.com/cloudfoundry/bosh-cli/v7/deployment"
	bidisk "github.com/cloudfoundry/bosh-cli/v7/deployment/disk"
	biinstance "github.com/cloudfoundry/bosh-cli/v7/deployment/instance"
	biinstancestate "github.com/cloudfoundry/bosh-cli/v7/deployment/instance/state"
	bideplrel "github.com/cloudfoundry/bosh-cli/v7/deployment/release"
	bisshtunnel "github.com/cloudfoundry/bosh-cli/v7/deployment/sshtunnel"
	bivm "github.com/cloudfoundry/bosh-cli/v7/deployment/vm"
	biindex "github.com/cloudfoundry/bosh-cli/v7/index"
	boshinst "github.com/cloudfoundry/bosh-cli/v7/installation"
	bitarball "github.com/cloudfoundry/bosh-cli/v7/installation/tarball"
	boshrel "github.com/cloudfoundry/bosh-cli/v7/release"
	bistatepkg "github.com/cloudfoundry/bosh-cli/v7/state/pkg"
	bistemcell "github.com/cloudfoundry/bosh-cli/v7/stemcell"
	bitemplate "github.com/cloudfoundry/bosh-cli/v7/templatescompiler"
	bitemplateerb "github.com/cloudfoundry/bosh-cli/v7/templatescompiler/erbrenderer"
	biui "github.com/cloudfoundry/bosh-cli/v7/ui"
	boshcrypto "github.com/cloudfoundry/bosh-utils/crypto"
	boshcmd "github.com/cloudfoundry/bosh-utils/fileutil"
	boshlog "github.com/cloudfoundry/bosh-utils/logger"
	boshuuid "github.com/cloudfoundry/bosh-utils/uuid"

	"github.com/perpetual-ci/perpetual/pkg/createenv/cause"
	"github.com/perpetual-ci/perpetual/pkg/createenv/cpi"
	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/createenv/manifest"
	"github.com/perpetual-ci/perpetual/pkg/createenv/workspace"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

const (
	// shutdownPatience is how long the agent of a VM that is to be deleted may take
	// to be heard of; after that the VM is deleted as it is. As bosh-cli has it.
	shutdownPatience = 10 * time.Second
	shutdownPoll     = 500 * time.Millisecond
	// fetches and fetchPause are bosh-cli's for downloads.
	fetches    = 3
	fetchPause = 500 * time.Millisecond
)

// session is one run: bosh-cli's parts, wired so that its state, its CPI calls,
// its waits and its progress go through ours.
type session struct {
	ctx       context.Context
	workspace workspace.Workspace
	writer    *ledger.Writer
	state     *ledger.State
	cpi       *cpi.Client
	manifest  manifest.Source
	stage     *stage
	failed    string         // the step that failed
	masker    *secret.Writer // knows the secrets among the variables
	poll      time.Duration
	notify    func(string)
	doubted   []ledger.Thing // deletions to ask for again
	gone      []ledger.Thing // of what the documents name: what Inspect has not found

	fs         *manifest.FileSystem
	logger     boshlog.Logger
	uuids      boshuuid.Generator
	runner     *cpi.Runner
	compressor boshcmd.Compressor

	releases    boshinst.ReleaseManager
	fetcher     boshinst.ReleaseFetcher
	stemcells   bistemcell.Fetcher
	installer   bicpirel.CpiInstaller
	target      boshinst.Target
	clouds      bicloud.Factory
	record      bidepl.Record
	stemcellsOf bistemcell.ManagerFactory
	disksOf     bidisk.ManagerFactory
	vmsOf       bivm.ManagerFactory
	instancesOf biinstance.ManagerFactory
	blobstores  biblobstore.Factory
	deployments bidepl.Factory
}

// check says why nothing further may begin, or nil.
func (s *session) check() error {
	return errors.Join(cause.Stopped(s.ctx), s.writer.Failure())
}

// wire makes bosh-cli's parts. Its debug logger is off: it prints the manifest and
// what the CPI is sent.
func (s *session) wire(path string, r Request) error {
	s.logger = boshlog.NewLogger(boshlog.LevelNone)
	s.fs = manifest.NewFileSystem(s.logger, s.workspace.Dir, r.Manifest)
	s.manifest = manifest.Source{Files: s.fs, Vars: r.Vars, Transient: r.Transient, Show: r.Show, UUIDs: s.uuids, Logger: s.logger}
	if err := s.fs.ChangeTempRoot(s.workspace.Tmp()); err != nil {
		return err
	}
	s.target = boshinst.NewTarget(s.workspace.CPI(), "")
	s.runner = cpi.NewRunner(s.ctx, path, s.target.JobsPath(), s.cpi, s.logger)
	s.compressor = boshcmd.NewTarballCompressor(s.runner, s.fs)
	s.releases = boshinst.NewReleaseManager(s.logger)
	if err := s.wireArtifacts(); err != nil {
		return err
	}
	s.wireRecords()
	s.wireInstances()
	return nil
}

// digests are the algorithms of what bosh-cli makes itself.
var digests = []boshcrypto.Algorithm{boshcrypto.DigestAlgorithmSHA256}

// wireArtifacts makes what downloads, verifies and installs releases and the stemcell.
func (s *session) wireArtifacts() error {
	client, err := s.download(s.logger)
	if err != nil {
		return err
	}
	cache := bitarball.NewCache(s.workspace.Downloads(), s.fs, s.logger)
	tarballs := bitarball.NewProvider(cache, s.fs, client, fetches, fetchPause, s.logger)
	reader := boshrel.NewProvider(s.runner, s.compressor, bicrypto.NewDigestCalculator(s.fs, digests), s.fs, s.logger)
	s.fetcher = boshinst.NewReleaseFetcher(tarballs, reader.NewExtractingArchiveReader(), s.releases)
	s.stemcells = bistemcell.Fetcher{
		TarballProvider:   tarballs,
		StemcellExtractor: bistemcell.NewExtractor(bistemcell.NewReader(s.compressor, s.fs), s.fs),
	}
	s.installer = bicpirel.CpiInstaller{
		ReleaseManager: s.releases,
		InstallerFactory: boshinst.NewInstallerFactory(biui.NewConfUI(s.logger), s.runner, s.compressor,
			bideplrel.NewJobResolver(s.releases), s.uuids, s.logger, s.fs, digests),
	}
	s.clouds = bicloud.NewFactory(s.fs, s.runner, s.logger)
	return nil
}

// wireRecords makes what reads and writes the state.
func (s *session) wireRecords() {
	disks := biconfig.NewDiskRepo(s.state, s.uuids)
	stemcells := biconfig.NewStemcellRepo(s.state, s.uuids)
	s.disksOf = bidisk.NewManagerFactory(disks, s.logger)
	s.stemcellsOf = bistemcell.NewManagerFactory(stemcells)
	s.vmsOf = bivm.NewManagerFactory(biconfig.NewVMRepo(s.state), stemcells,
		bivm.NewDiskDeployer(s.disksOf, disks, s.logger, false), s.uuids, s.fs, s.logger)
	s.record = bidepl.NewRecord(biconfig.NewDeploymentRepo(s.state), biconfig.NewReleaseRepo(s.state, s.uuids), stemcells)
	s.deployments = bidepl.NewFactory(shutdownPatience, shutdownPoll)
}

// wireInstances makes what talks to the agent on the VM.
func (s *session) wireInstances() {
	erb := bitemplateerb.NewERBRenderer(s.fs, s.runner, s.logger)
	builder := biinstancestate.NewBuilderFactory(
		bistatepkg.NewCompiledPackageRepo(biindex.NewInMemoryIndex()),
		bideplrel.NewJobResolver(s.releases),
		bitemplate.NewJobListRenderer(bitemplate.NewJobRenderer(erb, s.fs, s.uuids, s.logger), s.logger),
		bitemplate.NewRenderedJobListCompressor(s.fs, s.compressor, bicrypto.NewDigestCalculator(s.fs, digests), s.logger),
		s.logger,
	)
	s.instancesOf = biinstance.NewManagerFactory(bisshtunnel.NewFactory(s.logger), biinstance.NewFactory(builder), s.logger)
	s.blobstores = biblobstore.NewBlobstoreFactory(s.uuids, s.fs, s.logger)
}
