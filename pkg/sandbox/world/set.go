package world

import (
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/boshio"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/github"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/publisher"
)

// The upstreams that the bundled pipeline watches.
const (
	ConcourseRepository = "github.com/concourse/concourse-bosh-release"
	BPMRepository       = "github.com/cloudfoundry/bpm-release"
	PostgresRepository  = "github.com/cloudfoundry/postgres-release"
	StemcellName        = "bosh-aws-xen-hvm-ubuntu-jammy-go_agent"
	ProgramRepository   = "perpetual-ci/perpetual"
)

// Set is a component set by version; an empty one is not published.
type Set struct {
	Concourse, BPM, Postgres, Stemcell, Perpetual string
	// Images are the digests of Perpetual's images, "resource" and "installer", where they
	// are really there; default: publisher.ImageDigest.
	Images map[string]string
}

// Publish makes the versions of a set appear upstream.
func (w *World) Publish(s Set) {
	now := time.Now()
	for repository, version := range map[string]string{
		ConcourseRepository: s.Concourse, BPMRepository: s.BPM, PostgresRepository: s.Postgres,
	} {
		if version != "" {
			w.BoshIO.AddRelease(boshio.Release{Repository: repository, Version: version, Published: now})
		}
	}
	if s.Stemcell != "" {
		w.BoshIO.AddStemcell(boshio.Stemcell{Name: StemcellName, Version: s.Stemcell, Light: true, Published: now})
	}
	if s.Perpetual != "" {
		program := github.Asset{Name: "perpetual-linux-amd64", Content: []byte(strings.Repeat(s.Perpetual, 1000))}
		w.GitHub.Publish(ProgramRepository, github.Release{
			Tag: "v" + s.Perpetual, CreatedAt: now, PublishedAt: now,
			Assets: []github.Asset{program, publisher.Statement(s.Perpetual, now, s.Images, program)},
		})
	}
}

// History makes the real past of the upstreams appear.
func (w *World) History() error {
	if err := w.GitHub.LoadTags(github.Data()); err != nil {
		return err
	}
	return w.BoshIO.Load(boshio.Data())
}

// CloudConfig is one that the bundled manifest deploys with.
const CloudConfig = `azs: [{name: z1, cloud_properties: {}}]
vm_types: [{name: default, cloud_properties: {}}]
disk_types: [{name: default, disk_size: 1024}]
networks:
- name: default
  type: manual
  subnets: [{az: z1, range: 10.0.1.0/24, gateway: 10.0.1.1, dns: [10.0.0.2], cloud_properties: {}}]
compilation: {workers: 1, az: z1, vm_type: default, network: default, reuse_compilation_vms: true}
`

// ManifestVars are the credentials and the address that a first deploy of the
// bundled manifest needs. They are as secret as everything here.
func (w *World) ManifestVars() map[string]any {
	return map[string]any{
		"external_url": w.URLs["concourse"], "postgres_password": "sandbox-postgres-password",
		"encryption_key":    "sandbox-encryption-key-of-32-by",
		"token_signing_key": map[string]any{"private_key": "sandbox-private-key", "public_key": "sandbox-public-key"},
		"local_users":       []any{ConcourseUser + ":" + ConcoursePass}, "main_team_users": []any{ConcourseUser},
		"tsa_host_key": "sandbox-tsa-host-key", "tsa_host_public_key": "sandbox-tsa-host-public-key",
		"worker_public_key": "sandbox-worker-public-key", "worker_private_key": "sandbox-worker-private-key",
	}
}

// ComponentsSource is a source of components with the bundled pipeline's watches.
func (w *World) ComponentsSource() map[string]any {
	return map[string]any{
		"watch": map[string]any{
			"concourse": map[string]any{"release": ConcourseRepository},
			"bpm":       map[string]any{"release": BPMRepository},
			"postgres":  map[string]any{"release": PostgresRepository},
			"stemcell":  map[string]any{"stemcell": StemcellName},
			"perpetual": map[string]any{"github": ProgramRepository, "keys": []any{publisher.Key}},
		},
		"github":  map[string]any{"url": w.URLs["github"] + "/api/v3", "ca_cert": w.CA, "token": GitHubToken},
		"bosh_io": w.boshIO(),
	}
}

// DeploymentSource is a source of the deployment concourse.
func (w *World) DeploymentSource() map[string]any {
	return map[string]any{
		"deployment": "concourse",
		"director": map[string]any{
			"url": w.URLs["director"], "ca_cert": w.CA, "client": DirectorClient, "client_secret": DirectorSecret,
		},
		"concourse": map[string]any{
			"url": w.URLs["concourse"], "ca_cert": w.CA, "username": ConcourseUser, "password": ConcoursePass,
		},
	}
}
