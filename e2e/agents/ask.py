"""OpenAI's Agents SDK for Python against the gateway: ask.py CASE ORIGIN KEY MODEL, one line of JSON back."""

import asyncio
import json
import sys

from agents import (
    Agent,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI
from pydantic import BaseModel


class Weather(BaseModel):
    city: str
    degrees: int


asked = []


@function_tool
def get_weather(city: str) -> str:
    """Tells the weather."""
    asked.append(city)
    return f"12 degrees in {city}"


def agents(case, model):
    if case == "tools":
        return Agent(name="Reporter", instructions="Report.", model=model, tools=[get_weather])
    if case == "structured":
        return Agent(name="Reporter", instructions="Report.", model=model, output_type=Weather)
    expert = Agent(name="Weather expert", instructions="Know the weather.", model=model)
    return Agent(name="Desk", instructions="Send them on.", model=model, handoffs=[expert])


async def main(case, origin, key, name):
    set_tracing_disabled(True)
    client = AsyncOpenAI(base_url=f"{origin}/v1", api_key=key)
    agent = agents(case, OpenAIResponsesModel(model=name, openai_client=client))
    streamed = Runner.run_streamed(agent, "How is the weather in Kiel?")
    kinds = [event.type async for event in streamed.stream_events()]
    output = streamed.final_output
    print(
        json.dumps(
            {
                "output": output.model_dump() if isinstance(output, BaseModel) else output,
                "agent": streamed.last_agent.name,
                "asked": asked,
                "streamed": len(kinds) > 0,
            }
        )
    )


asyncio.run(main(*sys.argv[1:]))
