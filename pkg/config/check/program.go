package check

import (
	"net/url"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/dial"
	"github.com/perpetual-ci/perpetual/pkg/signature"
	"github.com/perpetual-ci/perpetual/pkg/version"
)

// program looks at what decides which Perpetual runs.
func (v *validator) program() {
	if text := v.c.Pipeline.Image; text != "" {
		image, err := config.ParseImage(text)
		if err != nil {
			v.wrong("pipeline.image", "%v", err)
		}
		v.pinned(image)
	}
	if _, err := signature.Trusted(v.c.Versions.PerpetualKeys); err != nil {
		v.wrong("versions.perpetual_keys", "%v", err)
	}
	if unsigned := v.c.Versions.PerpetualUnsigned; unsigned != nil && *unsigned {
		v.warn("versions.perpetual_unsigned", "takes whatever the repository, or a mirror of it, offers; of a fork give versions.perpetual_keys instead")
	}
}

// upstreams looks at where components come from: over http:// anybody between can change
// lists and digests, and this file has no digests that would hold against it.
func (v *validator) upstreams() {
	for key, text := range map[string]string{"github.url": v.c.GitHub.URL, "bosh_io.url": v.c.BoshIO.URL} {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" {
			continue
		}
		if !dial.Local(u.Hostname()) {
			v.wrong(key, "%s is http://, where anybody between can change lists and digests; want https:// (http:// is for loopback addresses, and for a resource whose source has digests)", text)
		}
	}
}

// pinned looks at a pinned image beside the versions that are wanted.
func (v *validator) pinned(image config.Image) {
	if image.Version == "" || v.c.Versions.Perpetual == "" {
		return
	}
	wanted, err := version.ParseConstraint(v.c.Versions.Perpetual)
	of, broken := version.Parse(image.Version)
	if err == nil && broken == nil && !wanted.Allows(of) {
		v.wrong("pipeline.image", "is of version %s, and versions.perpetual is %q; leave out one of them", image.Version, v.c.Versions.Perpetual)
	}
}
