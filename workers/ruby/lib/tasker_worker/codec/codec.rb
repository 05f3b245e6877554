# frozen_string_literal: true

require_relative "json_encoder"
require_relative "message_pack_encoder"
require_relative "orchestrator_message"

module TaskerWorker
  # The only place where bytes of the wire are parsed or made. `protocol/spec.md` is normative; what is refused is a ProtocolError.
  module Codec
    module_function

    # @param frame [String] one that the worker received
    # @return [Hash] see OrchestratorMessage
    # @raise [ProtocolError]
    def decode(frame, limits: DEFAULT_LIMITS) = OrchestratorMessage.decode(frame, limits: limits)

    # @param codec [String] as the orchestrator chose it
    def encoder(codec) = codec == "msgpack" ? MessagePackEncoder : JsonEncoder
  end
end
