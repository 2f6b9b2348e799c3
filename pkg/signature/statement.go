// Package signature says what a release of Perpetual consists of: a statement of its
// version and of the digests of its images and files, signed with Ed25519 by a key that
// the running version trusts. Checksums that come with a release only show that it
// arrived whole; a statement shows who made it.
//
// The envelope is DSSE (https://github.com/secure-systems-lab/dsse, protocol.md), so that
// other tools can read it.
package signature

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// The images that every release has, as a statement names them.
const (
	Resource  = "resource"  // REPOSITORY:VERSION
	Installer = "installer" // REPOSITORY:VERSION-installer
)

// MaxSize bounds a signed statement. One with a dozen files has 4 kB.
const MaxSize = 256 << 10

// Statement is what is signed.
type Statement struct {
	Version string            `json:"version"`         // "1.3.0"
	Made    time.Time         `json:"made"`            // "2026-11-29T06:16:10Z", when it was signed
	Images  map[string]string `json:"images"`          // by name: {"resource": "sha256:…", "installer": "sha256:…"}
	Files   map[string]string `json:"files,omitempty"` // by the name in the release: {"perpetual-linux-amd64": "sha256:…"}
}

// Name is what the signed statement of a version is called among the files of its release.
func Name(version string) string { return "perpetual-" + version + ".signed.json" }

// Digest checks a digest like "sha256:9f86d0…", of 64 hexadecimal digits in lower case.
func Digest(text string) error {
	hexed, ok := strings.CutPrefix(text, "sha256:")
	raw, err := hex.DecodeString(hexed)
	if !ok || err != nil || len(raw) != sha256.Size || strings.ToLower(hexed) != hexed {
		return fmt.Errorf("want sha256: and 64 hexadecimal digits in lower case, got %q", text)
	}
	return nil
}

// validate refuses a statement that says too little to be of use.
func (s Statement) validate() error {
	switch {
	case s.Version == "":
		return errors.New("it names no version")
	case s.Made.IsZero():
		return errors.New("it does not say when it was made")
	}
	for _, image := range []string{Resource, Installer} {
		if s.Images[image] == "" {
			return fmt.Errorf("it has no digest of the image %s", image)
		}
	}
	for _, digests := range []map[string]string{s.Images, s.Files} {
		for _, name := range slices.Sorted(maps.Keys(digests)) {
			if name == "" || name != path.Base(name) {
				return fmt.Errorf("%q is not the name of an image or a file", name)
			}
			if err := Digest(digests[name]); err != nil {
				return fmt.Errorf("digest of %s: %w", name, err)
			}
		}
	}
	return nil
}

// decode reads a payload. Later versions may say more: what is unknown is passed over.
func decode(payload []byte) (Statement, error) {
	var s Statement
	if err := json.Unmarshal(payload, &s); err != nil {
		return Statement{}, errors.New("it is not JSON of the form of a statement")
	}
	if err := s.validate(); err != nil {
		return Statement{}, err
	}
	return s, nil
}
