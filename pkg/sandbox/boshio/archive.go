package boshio

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha1" // bosh.io lists it
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Release is a version of a release to list.
type Release struct {
	Repository string    // github.com/concourse/concourse-bosh-release
	Version    string    // 8.2.5
	Name       string    // in its release.MF; default: the repository's without "-release" and the like
	Jobs       []string  // BOSH jobs in it; default: those that the releases of a Concourse have
	Published  time.Time // default: now
	Padding    int       // bytes that it is to be larger
	SHA1Only   bool      // as older ones are listed
	// WrongSHA1 and WrongSHA256 are listed instead of the right digests.
	WrongSHA1, WrongSHA256 string
}

// Stemcell is a version of a stemcell to list.
type Stemcell struct {
	Name           string    // bosh-aws-xen-hvm-ubuntu-jammy-go_agent
	Version        string    // 1.484
	Light, Regular bool      // which files there are; neither is both
	Published      time.Time // default: now
	Padding        int       // bytes that the regular one is to be larger
	SHA1Only       bool
	// WrongSHA1 and WrongSHA256 are listed instead of the right digests.
	WrongSHA1, WrongSHA256 string
}

// AddRelease lists a release and has its archive ready. It returns the archive's SHA-1.
func (s *Server) AddRelease(r Release) (sha1 string) {
	if r.Name == "" {
		r.Name = releaseName(r.Repository)
	}
	if r.Jobs == nil {
		r.Jobs = usualJobs[r.Name]
	}
	name := fmt.Sprintf("/bosh-hub-release-tarballs/%s-%s.tgz", strings.ReplaceAll(r.Repository, "/", "-"), r.Version)
	f := s.newFile(name, releaseArchive(r), r.Published, r.WrongSHA1, r.WrongSHA256)
	s.add(r.Repository, &entry{version: r.Version, release: f, sha1Only: r.SHA1Only})
	return f.sha1
}

// AddStemcell lists a stemcell and has its archives ready.
func (s *Server) AddStemcell(c Stemcell) {
	if !c.Light && !c.Regular {
		c.Light, c.Regular = true, true
	}
	e := &entry{version: c.Version, sha1Only: c.SHA1Only}
	// "bosh-aws-xen-hvm-ubuntu-jammy-go_agent" → "bosh-stemcell-1.484-aws-xen-hvm-ubuntu-jammy-go_agent.tgz"
	base := fmt.Sprintf("bosh-stemcell-%s-%s.tgz", c.Version, strings.TrimPrefix(c.Name, "bosh-"))
	if c.Regular {
		name := fmt.Sprintf("/bosh-core-stemcells/%s/%s", c.Version, base)
		e.regular = s.newFile(name, stemcellArchive(c, false), c.Published, c.WrongSHA1, c.WrongSHA256)
	}
	if c.Light {
		name := fmt.Sprintf("/bosh-aws-light-stemcells/%s/light-%s", c.Version, base)
		e.light = s.newFile(name, stemcellArchive(c, true), c.Published, c.WrongSHA1, c.WrongSHA256)
	}
	s.add(c.Name, e)
}

// newFile computes what is listed of a file.
func (s *Server) newFile(name string, content []byte, at time.Time, wrong1, wrong256 string) *file {
	if at.IsZero() {
		at = s.options.Now()
	}
	one, two := sha1.Sum(content), sha256.Sum256(content)
	return &file{
		path: name, content: content, at: at,
		sha1: hex.EncodeToString(one[:]), sha256: hex.EncodeToString(two[:]),
		listedSHA1: wrong1, listedSHA256: wrong256,
	}
}

// usualJobs are the BOSH jobs of the releases that a Concourse is deployed with.
var usualJobs = map[string][]string{
	"concourse": {"web", "worker"},
	"bpm":       {"bpm"},
	"postgres":  {"postgres", "bbr-postgres-db"},
	"uaa":       {"uaa"},
	"credhub":   {"credhub"},
}

// releaseName guesses what a release calls itself: concourse for concourse-bosh-release.
func releaseName(repository string) string {
	name := path.Base(repository)
	for _, end := range []string{"-bosh-release", "-boshrelease", "-release"} {
		if short, ok := strings.CutSuffix(name, end); ok {
			return short
		}
	}
	return name
}

// member is a file in an archive.
type member struct {
	name    string
	content []byte
}

// packed are the archives without padding that this process has made, by what is in them:
// every world of the tests has the same ones.
var packed sync.Map

// once gives the archive of that name, which is packed if it is not there or not small.
func once(name string, padding int, pack func() []byte) []byte {
	if padding > 0 {
		return pack()
	}
	if content, there := packed.Load(name); there {
		return content.([]byte)
	}
	content, _ := packed.LoadOrStore(name, pack())
	return content.([]byte)
}

// releaseArchive is a release with empty jobs.
func releaseArchive(r Release) []byte {
	name := fmt.Sprintf("release %q %q %q %q", r.Repository, r.Version, r.Name, r.Jobs)
	return once(name, r.Padding, func() []byte { return packRelease(r) })
}

// packRelease makes such a release.
func packRelease(r Release) []byte {
	var manifest strings.Builder
	fmt.Fprintf(&manifest, "name: %s\nversion: %q\ncommit_hash: %s\nuncommitted_changes: false\npackages: []\n",
		r.Name, r.Version, fingerprint(r.Repository, r.Version)[:7])
	members := []member{{}}
	if len(r.Jobs) == 0 {
		manifest.WriteString("jobs: []\n")
	} else {
		manifest.WriteString("jobs:\n")
	}
	for _, job := range r.Jobs {
		content := archive([]member{
			{"./job.MF", fmt.Appendf(nil, "name: %s\ntemplates: {}\npackages: []\nproperties: {}\n", job)},
			{"./monit", nil},
		})
		sum, print := sha1.Sum(content), fingerprint(r.Name, r.Version, job)
		fmt.Fprintf(&manifest, "- name: %s\n  version: %s\n  fingerprint: %s\n  sha1: %x\n  packages: []\n", job, print, print, sum)
		members = append(members, member{"./jobs/" + job + ".tgz", content})
	}
	members[0] = member{"./release.MF", []byte(manifest.String())}
	return archive(padded(members, "./LICENSE.padding", r.Name+r.Version, r.Padding))
}

var osInName = regexp.MustCompile(`(ubuntu|centos|windows)-?([a-z0-9]+)`)

// stemcellArchive is a stemcell whose image is nothing that starts.
func stemcellArchive(c Stemcell, light bool) []byte {
	name := fmt.Sprintf("stemcell %q %q %t", c.Name, c.Version, light)
	return once(name, c.Padding, func() []byte { return packStemcell(c, light) })
}

// packStemcell makes such a stemcell.
func packStemcell(c Stemcell, light bool) []byte {
	os := "ubuntu-jammy"
	if m := osInName.FindStringSubmatch(c.Name); m != nil {
		os = m[1] + "-" + m[2]
	}
	iaas := "aws"
	if parts := strings.Split(c.Name, "-"); len(parts) > 1 {
		iaas = parts[1]
	}
	image, format := []byte("image of "+c.Name+" "+c.Version+"\n"), iaas+"-raw"
	properties := fmt.Sprintf("  name: %s\n  version: %q\n  infrastructure: %s\n", c.Name, c.Version, iaas)
	if light {
		image, format = nil, iaas+"-light"
		properties += "  ami:\n"
		for _, region := range []string{"eu-central-1", "eu-west-1", "eu-west-2", "us-east-1", "us-west-2"} { // real ones are in some 20
			properties += fmt.Sprintf("    %s: ami-%s\n", region, fingerprint(c.Name, c.Version, region)[:17])
		}
	}
	manifest := fmt.Sprintf("name: %s\nversion: %q\napi_version: 3\nbosh_protocol: 1\nsha1: %x\noperating_system: %s\nstemcell_formats:\n- %s\ncloud_properties:\n%s",
		c.Name, c.Version, sha1.Sum(image), os, format, properties)
	members := []member{{"stemcell.MF", []byte(manifest)}, {"packages.txt", nil}, {"image", image}}
	if light {
		return archive(members)
	}
	return archive(padded(members, "padding", c.Name+c.Version, c.Padding))
}

// padded adds a member of bytes that do not compress, the same each time.
func padded(members []member, name, seed string, size int) []member {
	if size <= 0 {
		return members
	}
	filler := rand.NewChaCha8(sha256.Sum256([]byte(seed)))
	content := make([]byte, size)
	_, _ = filler.Read(content)
	return append(members, member{name, content})
}

// compressors are reused: a new one costs more than a small archive.
var compressors = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // the level is a valid one
	return z
}}

// archive makes a gzipped tar archive, the same bytes for the same members.
func archive(members []member) []byte {
	var b bytes.Buffer
	z, _ := compressors.Get().(*gzip.Writer)
	defer compressors.Put(z)
	z.Reset(&b)
	t := tar.NewWriter(z)
	for _, m := range members { // writing to memory does not fail
		_ = t.WriteHeader(&tar.Header{Name: m.name, Mode: 0o644, Size: int64(len(m.content)), Format: tar.FormatUSTAR})
		_, _ = t.Write(m.content)
	}
	_, _ = t.Close(), z.Close()
	return b.Bytes()
}

// fingerprint is an identity that depends on nothing but its parts.
func fingerprint(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}
