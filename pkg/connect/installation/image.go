package installation

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/selection"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// maxLight is the size up to which a stemcell is fetched only to look into it: light
// ones have some 20 kB, and the others no images to look for.
const maxLight = 8 << 20

// images gives the machine images of a stemcell by region, none for one that is not light.
func (c *Connector) images(ctx context.Context, from resource.Source, stemcell component.Component) (map[string]string, error) {
	if stemcell.Size > maxLight {
		return nil, nil
	}
	dir, err := os.MkdirTemp("", "perpetual-stemcell-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the stemcell: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "stemcell.tgz")
	if err := c.Fetch(ctx, from, stemcell, path); err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open the stemcell: %w", err)
	}
	defer func() { _ = file.Close() }()
	return selection.StemcellImages(file)
}
