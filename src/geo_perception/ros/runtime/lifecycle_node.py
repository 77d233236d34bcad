# SPDX-License-Identifier: Apache-2.0
"""Life cycle and parameters of a managed node: every transition either works or says in one line why not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, Generic, TypeVar

from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.parameter import Parameter

from geo_perception.dependencies import missing_dependency
from geo_perception.errors import ConfigError, GeoPerceptionError
from geo_perception.ros.runtime.former_names import former_names, renaming_lines
from geo_perception.ros.runtime.parameter_declaration import declare
from geo_perception.ros.runtime.parameters import RuntimeSettings, changed, coerced

S = TypeVar("S", bound=RuntimeSettings)


class ManagedNode(LifecycleNode, Generic[S]):  # type: ignore[misc]  # rclpy has no types: its classes count as Any
    """configure = parameters and `load`; activate = `start`; everything undone in reverse order."""

    def __init__(self, name: str, settings_type: type[S], **options: Any) -> None:
        """`settings_type` holds the parameters; `options` go to rclpy's Node."""
        super().__init__(name, **options)
        self.settings: S | None = None
        self._settings_type = settings_type
        self.autostarts = self._declare_autostart()
        self._former = former_names(settings_type)
        self.add_pre_set_parameters_callback(self._rename_parameters)
        self.add_on_set_parameters_callback(self._check_parameters)
        self.add_post_set_parameters_callback(self._apply_parameters)
        self._change_state = self._service_change_state.callback
        self._service_change_state.callback = self._change_state_or_refuse

    # What a derived node provides.

    def validate(self, settings: S) -> None:
        """Raise ConfigError for settings that cannot work here; for new ones and for live changes."""

    def load(self, settings: S) -> None:
        """Load models and whatever else is slow; raise GeoPerceptionError to stay unconfigured."""

    def unload(self) -> None:
        """Let go of what `load` made; must do no harm if nothing was loaded."""

    def start(self, settings: S) -> None:
        """Begin to work; raise GeoPerceptionError to stay inactive."""

    def stop(self) -> None:
        """Undo `start`, even if it only came half way; must do no harm if nothing was started."""

    def apply(self, settings: S) -> None:
        """Take over live parameters."""

    # Life cycle.

    def on_configure(self, state: Any) -> Any:
        return self._transition("configure", self._configure, self.unload)

    def on_activate(self, state: Any) -> Any:
        return self._transition("activate", self._activate, self.stop)

    def on_deactivate(self, state: Any) -> Any:
        return self._transition("deactivate", self.stop)

    def on_cleanup(self, state: Any) -> Any:
        return self._transition("clean up", self._cleanup)

    def on_shutdown(self, state: Any) -> Any:
        return self._transition("shut down", self._cleanup)

    def on_error(self, state: Any) -> Any:
        return self._transition("recover", self._cleanup)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Names of its settings."""
        return tuple(item.name for item in fields(self._settings_type))

    @property
    def former_parameter_names(self) -> tuple[str, ...]:
        """Names that its settings had in the release before."""
        return tuple(self._former)

    @property
    def state(self) -> str:
        """Label of the life-cycle state."""
        return str(self._state_machine.current_state[1])

    def autostart(self) -> bool:
        """Configure and activate. False if either failed; the reason is in the log."""
        steps = (self.trigger_configure, self.trigger_activate)
        return all(step() == TransitionCallbackReturn.SUCCESS for step in steps)

    def destroy_node(self) -> None:
        """Destroy the node with its state machine, which rclpy forgets and which keeps the participant alive.

        A participant that outlives its process leaves 64 MB of shared memory behind.
        """
        super().destroy_node()
        self._state_machine.destroy_when_not_in_use()

    def _transition(self, verb: str, step: Callable[[], None], undo: Callable[[], None] | None = None) -> Any:
        """Run one transition; what goes wrong becomes one line and the matching result."""
        try:
            step()
            return TransitionCallbackReturn.SUCCESS
        except GeoPerceptionError as error:
            self.get_logger().error(f"cannot {verb}: {error}")
            result = TransitionCallbackReturn.FAILURE
        except ImportError as error:
            self.get_logger().error(f"cannot {verb}: {missing_dependency('this node', error)}")
            result = TransitionCallbackReturn.FAILURE
        except Exception as error:  # rclpy would swallow it without a word
            self.get_logger().error(f"cannot {verb}: {type(error).__name__}: {error}")
            result = TransitionCallbackReturn.ERROR
        if undo is not None:
            undo()
        return result

    def _configure(self) -> None:
        settings = declare(self, self._settings_type)
        self.validate(settings)
        self.load(settings)
        self.settings = settings

    def _activate(self) -> None:
        if self.settings is None:
            raise ConfigError("the node is not configured")
        self.start(self.settings)

    def _cleanup(self) -> None:
        self.stop()
        self.settings = None
        self.unload()

    def _change_state_or_refuse(self, request: Any, response: Any) -> Any:
        """FrameResult a transition that the present state does not allow; rclpy lets it end the executor."""
        try:
            return self._change_state(request, response)
        except Exception as error:
            wanted = request.transition.label or request.transition.id
            self.get_logger().error(f"transition {wanted} refused in state {self.state}: {error}")
            response.success = False
            return response

    # Parameters.

    def _declare_autostart(self) -> bool:
        description = ParameterDescriptor(
            description="configure and activate at start, without a manager", read_only=True
        )
        return bool(self.declare_parameter("autostart", True, description).value)

    def _rename_parameters(self, parameters: list[Any]) -> list[Any]:
        """Parameters that are to be set, under their present names."""
        for line in renaming_lines([parameter.name for parameter in parameters], self._former):
            self.get_logger().warning(f"parameter {line}")
        return [Parameter(self._former.get(p.name, p.name), p.type_, p.value) for p in parameters]

    def _check_parameters(self, parameters: list[Any]) -> Any:
        values = {parameter.name: parameter.value for parameter in parameters}
        try:
            for old, new in self._former.items():
                if [parameter.name for parameter in parameters].count(new) > 1:
                    raise ConfigError(f"parameter {new} is given twice; {old} is its former name")
            if self.settings is None:
                coerced(self._settings_type, values)
            else:
                self.validate(changed(self.settings, values))
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _apply_parameters(self, parameters: list[Any]) -> None:
        if self.settings is None:
            return
        new = changed(self.settings, {parameter.name: parameter.value for parameter in parameters})
        if new == self.settings:
            return
        self.settings = new
        self.apply(new)
