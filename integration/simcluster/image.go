package simcluster

import (
	"context"
	"fmt"

	"ganeti-autorepair/integration/vcluster"
)

// Image is a prepared cluster without simulated nodes, see vcluster.Image.
type Image struct{ image *vcluster.Image }

// Prepare makes an image. The options are those of Start.
func Prepare(ctx context.Context, o vcluster.Options) (*Image, error) {
	image, err := vcluster.Prepare(ctx, realNodes(o))
	if err != nil {
		return nil, fmt.Errorf("simcluster: %w", err)
	}
	return &Image{image}, nil
}

// Start starts a cluster from the image and makes it the described one, see Load.
func (i *Image) Start(ctx context.Context, text string) (*Cluster, error) {
	v, err := i.image.StartNodes(ctx)
	if err != nil {
		return nil, fmt.Errorf("simcluster: %w", err)
	}
	c, err := newCluster(ctx, v)
	if err != nil {
		return nil, err
	}
	if err := c.Load(ctx, text); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}
