package docker

import (
	"context"
	"fmt"
)

// ImageID is the engine's name for the content of an image: "sha256:…".
func (d *docker) ImageID(ctx context.Context, image string) (string, error) {
	e, err := d.connect(ctx)
	if err != nil {
		return "", err
	}
	found, err := e.client.ImageInspect(ctx, image)
	if err != nil {
		return "", fmt.Errorf("image %s: %w", image, err)
	}
	return found.ID, nil
}
