package selection

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/component"
)

const (
	// maxStemcellManifest bounds stemcell.MF: a real one of a light stemcell has 3 kB.
	maxStemcellManifest = 1 << 20
	// maxLight bounds what is unpacked of a light stemcell: it holds a few small files.
	maxLight = 16 << 20
)

// StemcellImages reads the machine images by region out of a stemcell's archive. A
// stemcell that is not light has none. It fails for what is not a stemcell.
func StemcellImages(archive io.Reader) (map[string]string, error) {
	unzipped, err := gzip.NewReader(archive)
	if err != nil {
		return nil, fmt.Errorf("unpack the stemcell: %w", err)
	}
	files := tar.NewReader(io.LimitReader(unzipped, maxLight))
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("unpack the stemcell: it has no stemcell.MF")
		}
		if err != nil {
			return nil, fmt.Errorf("unpack the stemcell: %w", err)
		}
		if strings.TrimPrefix(header.Name, "./") != "stemcell.MF" {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(files, maxStemcellManifest))
		if err != nil {
			return nil, fmt.Errorf("unpack the stemcell: %w", err)
		}
		var manifest struct {
			CloudProperties struct {
				AMI map[string]string `yaml:"ami"`
			} `yaml:"cloud_properties"`
		}
		if err := yaml.Unmarshal(text, &manifest); err != nil {
			return nil, errors.New("read stemcell.MF: it is not YAML with cloud_properties")
		}
		return manifest.CloudProperties.AMI, nil
	}
}

// CheckImages wants the light stemcells of a set to have an image in the region: without
// one the first VM fails, half an hour later. find gives the images of a stemcell by region.
func CheckImages(ctx context.Context, set []component.Component, region string, find func(context.Context, component.Component) (map[string]string, error)) error {
	for _, c := range set {
		if c.Kind != component.KindStemcell {
			continue
		}
		images, err := find(ctx, c)
		if err != nil {
			return fmt.Errorf("look for the image of stemcell %s %s: %w", c.Upstream, c.Version, err)
		}
		if len(images) > 0 && images[region] == "" {
			return fmt.Errorf("stemcell %s %s has no image in region %s, so no VM could be created there; it has some in %s: take another version with versions.stemcell, or another region",
				c.Upstream, c.Version, region, strings.Join(slices.Sorted(maps.Keys(images)), ", "))
		}
	}
	return nil
}
