package standing

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCaptureIsNotLostInAFolderOfTheLab(t *testing.T) {
	_, err := createCapture("/run/packets.pcapng")
	require.ErrorContains(t, err, "a lab has a /run of its own")
}
